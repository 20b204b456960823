# SPDX-License-Identifier: Apache-2.0
# What is installed where, and the Debian packages that CPack makes of it (tools/package): isobar-common (users, groups,
# rights), isobar (the command line), isobard and isobar-probe. Each is a component.
include(GNUInstallDirs)
set(ISB_DOCDIR ${CMAKE_INSTALL_FULL_DATAROOTDIR}/doc)
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
  install(FILES docs/operations.md DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${name} COMPONENT ${component})
endfunction()

file(MAKE_DIRECTORY ${made})
execute_process(COMMAND ${GZIP} -9nc ${CMAKE_CURRENT_SOURCE_DIR}/packaging/changelog OUTPUT_FILE ${made}/changelog.Debian.gz
                COMMAND_ERROR_IS_FATAL ANY)
isb_package(common isobar-common)
isb_package(cli isobar)
isb_package(server isobard)
isb_package(probe isobar-probe)

install(FILES systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME isobar.conf COMPONENT common)
install(FILES systemd/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME isobar.conf COMPONENT common)
install(TARGETS isobar DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT cli)
install(PROGRAMS tools/make-geodb DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/isobar COMPONENT cli)
install(FILES systemd/sysctl.conf DESTINATION lib/sysctl.d RENAME 50-isobard.conf COMPONENT server)
isb_service(server isobard ${CMAKE_INSTALL_SBINDIR})
isb_service(probe isobar-probe ${CMAKE_INSTALL_SBINDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL common cli server probe)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_PACKAGE_CONTACT "isobar maintainers <maintainers@isobar.example>")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
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
set(scripts ${CMAKE_CURRENT_SOURCE_DIR}/packaging)
set(CPACK_DEBIAN_COMMON_PACKAGE_CONTROL_EXTRA ${scripts}/common/postinst ${scripts}/common/postrm)
set(CPACK_DEBIAN_CLI_PACKAGE_CONTROL_EXTRA ${scripts}/cli/postinst)
foreach(component server probe)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA
      ${made}/${component}/postinst ${made}/${component}/prerm ${made}/${component}/postrm ${made}/${component}/conffiles)
endforeach()
include(CPack)
