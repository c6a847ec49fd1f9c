// Package metrics counts what the operator does and shows how stacks stand.
//
// Names are stable: one that was released keeps its meaning. All labels are
// bounded: cause, confidence, remedy, outcome, state, protocol, stage, class,
// and viewpoint are closed lists; namespace, stack, service and dependency
// are bounded by what the stacks in the cluster declare or select. No label has
// the name of a pod, a message or anything else that a container says.
//
// What happened, counted once when the transition was persisted, by the one
// process that persisted it: after a restart nothing is counted again, and of a
// write whose answer was lost nothing is counted. Those by closed lists begin at
// 0, so that increase() sees the very first incident.
//
//	bridgestack_incidents_total                cause                       incidents, by the cause that was found first
//	bridgestack_findings_total                 cause, confidence           causes found, each time that it is another one
//	bridgestack_remedies_applied_total         remedy                      changes that were accepted
//	bridgestack_remedies_total                 remedy, outcome             attempts that ended
//	bridgestack_incident_diagnosed_seconds     (histogram)                 from the incident being visible to its first cause
//	bridgestack_incident_patched_seconds       (histogram)                 from the incident being visible to the first accepted change
//	bridgestack_incident_recovered_seconds     by (histogram)              from the incident being visible to the end of the soak; by: remedy, itself
//	bridgestack_probes_total                   protocol, stage, class, outcome   probes, by the stage at which they ended
//	bridgestack_probe_duration_seconds         protocol, outcome (histogram)     what they took
//	bridgestack_notifications_total            outcome                     tries to tell a receiver: delivered, failed
//
// Per stack, for as long as there is the stack, from 0 on:
//
//	bridgestack_stack_incidents_total          namespace, stack            incidents that were opened
//	bridgestack_escalations_total              namespace, stack            times that a person was called
//	bridgestack_container_restarts_total       namespace, stack, service   restarts of the service's containers that were seen
//	bridgestack_health_checks_total            namespace, stack, service, outcome   answers of the service's health endpoint
//
// How it stands, read from the cache at each scrape, so that what is deleted is
// gone. Of several replicas only the leader shows it:
//
//	bridgestack_open_diagnoses                 namespace, stack, cause, state, symptom   diagnoses that are not over; cause None until one is found; symptom as spec.symptom
//	bridgestack_stack_ready                    namespace, stack            1 where the policy is resolved and followed
//	bridgestack_stack_healthy                  namespace, stack            1 where all services are
//	bridgestack_stack_paused                   namespace, stack            1 while spec.paused is true
//	bridgestack_stack_in_maintenance           namespace, stack            1 while a maintenance window is open
//	bridgestack_stack_remedies_left            namespace, stack            remedies that the budget allows in this hour
//	bridgestack_service_healthy                namespace, stack, service   1 where it is available and has no open diagnosis
//	bridgestack_health_endpoint_up             namespace, stack, service   the health endpoint's last answer: 1 well, 0 not; absent where it is not known
//	bridgestack_dependency_up                  namespace, stack, service, dependency, viewpoint   the last probe for an open diagnosis: 1 passed, 0 failed; absent where it is not known
//	bridgestack_notifications_undelivered      namespace, stack            messages that a receiver did not accept yet
//
// And always, of each replica:
//
//	bridgestack_build_info                     version                     1
package metrics
