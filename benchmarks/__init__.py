"""Side-by-side benchmarks: ``python -m benchmarks`` measures everything and writes docs/benchmarks.md."""
