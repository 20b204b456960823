# SPDX-License-Identifier: Apache-2.0
# What is installed where, and the Debian packages that CPack makes of it (tools/package): isobar-common (users, groups,
# rights), isobar (the command line), isobard, isobar-probe and isobar-control. Each is a component.
include(GNUInstallDirs)
set(ISB_MANUAL ${CMAKE_INSTALL_FULL_DATAROOTDIR}/doc/isobar-common/operations.md)
set(made ${CMAKE_CURRENT_BINARY_DIR}/packaging)
find_program(GZIP gzip REQUIRED)

function(isb_package component name)
  install(FILES packaging/copyright DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${name} COMPONENT ${component})
  install(FILES ${made}/changelog.Debian.gz DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${name} COMPONENT ${component})
endfunction()

# A daemon: the program, its unit, its options, and scripts that start and stop it with the package.
function(isb_service component name dir)
  set(ISB_NAME ${name})
  set(ISB_UNIT ${name}.service)
  configure_file(systemd/${ISB_UNIT}.in ${made}/${ISB_UNIT} @ONLY)
  foreach(script postinst prerm postrm)
    configure_file(packaging/service.${script}.in ${made}/${component}/${script} @ONLY)
  endforeach()
  file(WRITE ${made}/${component}/conffiles "${CMAKE_INSTALL_FULL_SYSCONFDIR}/isobar/${name}.yaml\n")
  install(TARGETS ${name} DESTINATION ${dir} COMPONENT ${component})
  install(FILES ${made}/${ISB_UNIT} DESTINATION lib/systemd/system COMPONENT ${component})
  install(FILES packaging/${name}.yaml DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/isobar COMPONENT ${component})
endfunction()

file(MAKE_DIRECTORY ${made})
execute_process(COMMAND ${GZIP} -9nc ${CMAKE_CURRENT_SOURCE_DIR}/packaging/changelog OUTPUT_FILE ${made}/changelog.Debian.gz
                COMMAND_ERROR_IS_FATAL ANY)
isb_package(common isobar-common)
isb_package(cli isobar)
isb_package(server isobard)
isb_package(probe isobar-probe)
set(daemons server probe)

install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/isobar-common COMPONENT common FILES_MATCHING PATTERN *.md)
install(FILES monitoring/isobar.rules.yml monitoring/isobar.dashboard.json monitoring/prometheus.yml
        DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/isobar/monitoring COMPONENT common)
install(FILES systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME isobar.conf COMPONENT common)
install(FILES systemd/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME isobar.conf COMPONENT common)
install(TARGETS isobar DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT cli)
install(PROGRAMS tools/make-geodb DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/isobar COMPONENT cli)
install(FILES systemd/sysctl.conf DESTINATION lib/sysctl.d RENAME 50-isobard.conf COMPONENT server)
isb_service(server isobard ${CMAKE_INSTALL_SBINDIR})
isb_service(probe isobar-probe ${CMAKE_INSTALL_SBINDIR})
if(TARGET isobar-control) # beside the command line, which it starts
  isb_package(control isobar-control)
  isb_service(control isobar-control ${CMAKE_INSTALL_BINDIR})
  list(APPEND daemons control)
endif()

# What goes into packages beside the programs; built when it is asked for by name.
add_custom_target(package-texts)
if(TARGET man)
  set(pages isobar.1 isobar-catalog.5 isobard.8 isobar-probe.8)
  if(TARGET isobar-control)
    list(APPEND pages isobar-control.8)
  endif()
  add_custom_target(man-packed COMMAND ${GZIP} -9nkf ${pages} WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/man VERBATIM)
  add_dependencies(man-packed man)
  add_dependencies(package-texts man-packed)
  set(of_isobar cli)
  set(of_isobar-catalog cli)
  set(of_isobard server)
  set(of_isobar-probe probe)
  set(of_isobar-control control)
  foreach(page ${pages})
    string(REGEX MATCH "^(.*)\\.([0-9])$" whole ${page})
    install(FILES ${CMAKE_BINARY_DIR}/man/${page}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man${CMAKE_MATCH_2}
            COMPONENT ${of_${CMAKE_MATCH_1}})
  endforeach()
endif()
if(TARGET completions)
  add_dependencies(package-texts completions)
  set(shells ${CMAKE_BINARY_DIR}/completions)
  install(FILES ${shells}/isobar DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions COMPONENT cli)
  install(FILES ${shells}/_isobar DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/zsh/vendor-completions COMPONENT cli)
  install(FILES ${shells}/isobar.fish DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/fish/vendor_completions.d COMPONENT cli)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL common cli ${daemons})
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_PACKAGE_CONTACT "isobar maintainers <maintainers@isobar.example>")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_DEBUGINFO_PACKAGE ON) # NAME-dbgsym_….ddeb: symbols for whoever must read a core file
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(exactly "(= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")
set(CPACK_DEBIAN_COMMON_PACKAGE_NAME isobar-common)
set(CPACK_DEBIAN_COMMON_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_COMMON_PACKAGE_DEPENDS
    "systemd | systemd-standalone-sysusers | systemd-sysusers, systemd | systemd-standalone-tmpfiles | systemd-tmpfiles")
set(CPACK_DEBIAN_COMMON_DESCRIPTION "global load balancer that speaks DNS - users and rights
The users of isobar's daemons, the groups of those who look into its store
(isobar) and of those who edit the catalog (isobar-admin), and who may what
there.")
set(CPACK_DEBIAN_CLI_PACKAGE_NAME isobar)
set(CPACK_DEBIAN_CLI_PACKAGE_DEPENDS "isobar-common ${exactly}")
set(CPACK_DEBIAN_CLI_PACKAGE_SUGGESTS "isobard, isobar-probe, tor-geoipdb, libmaxmind-db-writer-perl")
set(CPACK_DEBIAN_CLI_DESCRIPTION "global load balancer that speaks DNS - command line
isobar edits the catalog of zones, pools and policies, shows what is up and
what is not, explains and simulates answers, drains and takes back.

With the package comes an empty store, /var/lib/isobar.")
set(CPACK_DEBIAN_SERVER_PACKAGE_NAME isobard)
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS "isobar-common ${exactly}, isobar ${exactly}")
set(CPACK_DEBIAN_SERVER_PACKAGE_RECOMMENDS isobar-probe)
set(CPACK_DEBIAN_SERVER_DESCRIPTION "global load balancer that speaks DNS - server
isobard answers a resolver that asks for a name with the regional load
balancer that should serve that client now: by geography, distance, latency,
load, weight or failover, and only with one that is healthy.

As it is installed it answers on loopback only.")
set(CPACK_DEBIAN_PROBE_PACKAGE_NAME isobar-probe)
set(CPACK_DEBIAN_PROBE_PACKAGE_DEPENDS "isobar-common ${exactly}, ca-certificates")
set(CPACK_DEBIAN_PROBE_PACKAGE_RECOMMENDS isobar)
set(CPACK_DEBIAN_PROBE_DESCRIPTION "global load balancer that speaks DNS - health checks
isobar-probe tests every endpoint of the catalog by TCP, TLS, HTTP, gRPC, DNS,
UDP, ICMP, agents or scripts, from one region or for a site elsewhere, and
says what is up.")
set(CPACK_DEBIAN_CONTROL_PACKAGE_NAME isobar-control)
set(CPACK_DEBIAN_CONTROL_PACKAGE_DEPENDS "isobar-common ${exactly}, isobar ${exactly}")
set(CPACK_DEBIAN_CONTROL_DESCRIPTION "global load balancer that speaks DNS - HTTP API and dashboard
isobar-control offers over HTTP what the command line does, and shows in a
browser where clients are sent and why.

As it is installed it serves loopback only, and nobody without a token.")
set(scripts ${CMAKE_CURRENT_SOURCE_DIR}/packaging)
set(CPACK_DEBIAN_COMMON_PACKAGE_CONTROL_EXTRA ${scripts}/common/postinst ${scripts}/common/postrm)
set(CPACK_DEBIAN_CLI_PACKAGE_CONTROL_EXTRA ${scripts}/cli/postinst)
foreach(component ${daemons})
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA
      ${made}/${component}/postinst ${made}/${component}/prerm ${made}/${component}/postrm ${made}/${component}/conffiles)
endforeach()
include(CPack)
