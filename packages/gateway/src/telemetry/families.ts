/**
 * Every metric that the gateway gives, by name: its type, what it says and its labels. The table of docs/OPERATIONS.md is
 * checked against this one. Names follow Prometheus: base units, `_total` for counters; those of the process and of Node have
 * the names that Node's Prometheus clients gave them, so that existing dashboards fit.
 *
 * Labels come from the configuration (names of servers), from the error table and from fixed sets, and from nowhere else:
 * nothing that a client or a server sends can make a series.
 */

export type FamilyType = 'counter' | 'gauge' | 'histogram';

export interface Family {
  readonly type: FamilyType;
  readonly help: string;
  readonly labels: readonly string[];
}

/** Recorded as it happens. */
export type RecordedName =
  | 'sallyport_calls_total'
  | 'sallyport_call_duration_seconds'
  | 'sallyport_call_overhead_seconds'
  | 'sallyport_request_bytes'
  | 'sallyport_response_bytes'
  | 'sallyport_list_requests_total'
  | 'sallyport_refusals_total'
  | 'sallyport_reloads_total'
  | 'sallyport_server_starts_total'
  | 'sallyport_server_restarts_total'
  | 'sallyport_server_failures_total';

/** Read from its source when somebody asks. */
export type ReadName =
  | 'sallyport_build_info'
  | 'sallyport_server_state'
  | 'sallyport_children'
  | 'sallyport_sessions'
  | 'sallyport_connections'
  | 'sallyport_parked_calls'
  | 'sallyport_catalog_entries'
  | 'sallyport_interceptions_total'
  | 'process_cpu_user_seconds_total'
  | 'process_cpu_system_seconds_total'
  | 'process_cpu_seconds_total'
  | 'process_start_time_seconds'
  | 'process_resident_memory_bytes'
  | 'process_virtual_memory_bytes'
  | 'process_open_fds'
  | 'process_max_fds'
  | 'nodejs_eventloop_lag_min_seconds'
  | 'nodejs_eventloop_lag_max_seconds'
  | 'nodejs_eventloop_lag_mean_seconds'
  | 'nodejs_eventloop_lag_p50_seconds'
  | 'nodejs_eventloop_lag_p90_seconds'
  | 'nodejs_eventloop_lag_p99_seconds'
  | 'nodejs_heap_size_total_bytes'
  | 'nodejs_heap_size_used_bytes'
  | 'nodejs_external_memory_bytes'
  | 'nodejs_version_info';

const counter = (help: string, labels: readonly string[] = []): Family => ({ type: 'counter', help, labels });
const gauge = (help: string, labels: readonly string[] = []): Family => ({ type: 'gauge', help, labels });
const histogram = (help: string, labels: readonly string[] = []): Family => ({ type: 'histogram', help, labels });

/** In the order in which they are given. */
export const FAMILIES: Readonly<Record<RecordedName | ReadName, Family>> = {
  sallyport_build_info: gauge('Always 1; its labels say what runs.', ['version', 'node']),

  sallyport_calls_total: counter('Requests for a server, or refused before one was known, by how they ended.', [
    'server',
    'method',
    'outcome',
  ]),
  sallyport_call_duration_seconds: histogram(
    'From the arrival of a request to its answer, waiting for people and for the start of a server included.',
    ['server'],
  ),
  sallyport_call_overhead_seconds: histogram('The part of that which was not spent waiting for the server.'),
  sallyport_request_bytes: histogram('Size of a request for a server, as it came.', ['server']),
  sallyport_response_bytes: histogram('Size of a result of a server, as it was announced.', ['server']),
  sallyport_list_requests_total: counter('Requests for a list, which are answered from the catalogue.', [
    'kind',
    'outcome',
  ]),
  sallyport_refusals_total: counter('Requests that the gateway refused, at the door or on their way.', ['reason']),
  sallyport_reloads_total: counter('Attempts to take over a changed configuration.', ['result']),

  sallyport_server_state: gauge('1 for the state that a server is in, 0 for the others.', ['server', 'state']),
  sallyport_children: gauge('Child processes that run.', ['server']),
  sallyport_server_starts_total: counter('Attempts to start or reach a server.', ['server']),
  sallyport_server_restarts_total: counter('Those of them that were not the first of their instance.', ['server']),
  sallyport_server_failures_total: counter('Starts that failed (start), and ends that nobody asked for (end).', [
    'server',
    'at',
  ]),

  sallyport_sessions: gauge('Sessions that are open.', ['transport', 'revision']),
  sallyport_connections: gauge('Connections of clients.', ['door']),
  sallyport_parked_calls: gauge('Calls that wait for input of their client in another request.'),
  sallyport_catalog_entries: gauge('What clients are offered, over all servers.', ['kind']),
  sallyport_interceptions_total: counter('Questions to interceptors, by what came of them.', [
    'interceptor',
    'phase',
    'outcome',
  ]),

  process_cpu_user_seconds_total: counter('User CPU time.'),
  process_cpu_system_seconds_total: counter('System CPU time.'),
  process_cpu_seconds_total: counter('User and system CPU time.'),
  process_start_time_seconds: gauge('When the process started, in seconds since 1970.'),
  process_resident_memory_bytes: gauge('Resident memory of the gateway, its children not included.'),
  process_virtual_memory_bytes: gauge('Virtual memory. Linux only.'),
  process_open_fds: gauge('Open file descriptors. Linux only.'),
  process_max_fds: gauge('Most file descriptors that the process may open. Linux only.'),

  nodejs_eventloop_lag_min_seconds: gauge('Least delay of the event loop since the metrics were last read.'),
  nodejs_eventloop_lag_max_seconds: gauge('Greatest delay of the event loop since the metrics were last read.'),
  nodejs_eventloop_lag_mean_seconds: gauge('Mean delay of the event loop since the metrics were last read.'),
  nodejs_eventloop_lag_p50_seconds: gauge('Median delay of the event loop since the metrics were last read.'),
  nodejs_eventloop_lag_p90_seconds: gauge('90th percentile of the delay since the metrics were last read.'),
  nodejs_eventloop_lag_p99_seconds: gauge('99th percentile of the delay since the metrics were last read.'),
  nodejs_heap_size_total_bytes: gauge('Heap that V8 has taken.'),
  nodejs_heap_size_used_bytes: gauge('Heap that V8 uses.'),
  nodejs_external_memory_bytes: gauge('Memory outside the heap that objects in it hold.'),
  nodejs_version_info: gauge('Always 1; the version of Node.', ['version', 'major', 'minor', 'patch']),
};
