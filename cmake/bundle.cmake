# A wheel must work where neither Highway nor a compiler's OpenMP is installed: the shared libraries that
# _core links go into fastcv/_libs under their own names, and _core looks there first. Off where auditwheel does it.
option(FASTCV_BUNDLE "Put the shared libraries that _core links into the wheel" ON)
function(fastcv_install_module module)
  set_target_properties(${module} PROPERTIES INSTALL_RPATH "$ORIGIN/_libs" BUILD_WITH_INSTALL_RPATH OFF)
  if(SKBUILD AND NOT SKBUILD_STATE STREQUAL "editable")
    install(TARGETS ${module} LIBRARY DESTINATION fastcv COMPONENT python)
    if(NOT FASTCV_BUNDLE)
      return()
    endif()
    install(CODE "
      file(GET_RUNTIME_DEPENDENCIES
        MODULES \"$<TARGET_FILE:${module}>\"
        RESOLVED_DEPENDENCIES_VAR resolved
        UNRESOLVED_DEPENDENCIES_VAR unresolved
        PRE_INCLUDE_REGEXES [=[^libhwy]=] [=[^libgomp]=] [=[^libomp]=]
        PRE_EXCLUDE_REGEXES [=[.*]=])
      foreach(library IN LISTS resolved)
        get_filename_component(name \"\${library}\" NAME)
        file(REAL_PATH \"\${library}\" file)
        file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/fastcv/_libs\" TYPE PROGRAM
             FILES \"\${file}\" RENAME \"\${name}\")
      endforeach()" COMPONENT python)
  elseif(FASTCV_SANITIZE)
    # A package of its own, of links to the sources.
    file(GLOB files ${PROJECT_SOURCE_DIR}/python/fastcv/*)
    list(FILTER files EXCLUDE REGEX "\\.so$|__pycache__")
    foreach(file IN LISTS files)
      get_filename_component(name ${file} NAME)
      file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/python/fastcv)
      file(CREATE_LINK ${file} ${PROJECT_BINARY_DIR}/python/fastcv/${name} SYMBOLIC)
    endforeach()
    set_target_properties(${module} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/python/fastcv)
  else()
    # A development build: straight into the source tree.
    set_target_properties(${module} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_SOURCE_DIR}/python/fastcv)
  endif()
endfunction()
