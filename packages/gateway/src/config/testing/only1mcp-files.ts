/** Files of Only1MCP as its users have them: one for each form that its program, its templates and its documents know. */

/** What its program reads, with every key. */
const own = `
server:
  host: 127.0.0.1
  port: 9000
  worker_threads: 4
  max_connections: 50000
  tls: { enabled: true, cert_path: tls.crt, key_path: tls.key }
servers:
  - id: files
    name: Files
    enabled: false
    transport: { type: stdio, command: npx, args: [-y, files], env: { TOKEN: 'a$b' } }
    weight: 2
    health_check:
      { enabled: true, interval_seconds: 10, timeout_seconds: 5, healthy_threshold: 2, unhealthy_threshold: 3, path: /health }
    routing: { tools: [read_file], priority: 100, weight: 1 }
  - id: far
    name: Far
    transport: { type: http, url: 'https://a.example.com/mcp', headers: { X-Key: '\${env:KEY}' } }
  - id: flow
    name: Flow
    transport: { type: sse, url: 'https://b.example.com/mcp' }
  - id: stream
    name: Stream
    transport: { type: streamable_http, url: 'https://c.example.com/mcp', timeout_ms: 30000 }
proxy:
  load_balancer: { algorithm: round_robin, virtual_nodes: 150 }
  connection_pool: { max_per_backend: 100, min_idle: 10 }
  routing: { algorithm: round_robin, virtual_nodes: 150, sticky_sessions: false }
context_optimization:
  cache: { enabled: true, max_entries: 10000, ttl_seconds: 300 }
  batching: { enabled: false, window_ms: 100, max_batch_size: 10, methods: [tools/list] }
observability: { logging: { level: warn, format: json } }
tui: { enabled: false, default_tab: overview, refresh_ms: 1000 }
`;

const solo = `
version: '1.0'
proxy:
  { host: 127.0.0.1, port: 8080, max_connections: 100, request_timeout: 20s, idle_timeout: 60s, shutdown_timeout: 5s }
servers:
  - id: docs
    name: Documents
    transport: { type: sse, url: 'https://docs.example.com/mcp', headers: { Accept: text/event-stream } }
    health_check: { enabled: false }
    weight: 100
routing: { strategy: round_robin, sticky_sessions: { enabled: false } }
cache:
  enabled: true
  l1: { enabled: true, max_size: 50MB, ttl: 5m, eviction: lru }
  l2: { enabled: false }
  l3: { enabled: false }
batching: { enabled: false, window_ms: 100, max_batch_size: 10, methods: [tools/list] }
auth: { enabled: false }
rate_limit: { enabled: false }
logging: { level: info, format: pretty, output: stdout, modules: { 'only1mcp::proxy': debug } }
monitoring:
  metrics: { enabled: false }
  tracing: { enabled: false }
  health: { enabled: true, endpoints: { liveness: /health/live } }
hot_reload: { enabled: false, watch_interval: 1s, debounce: 500ms, reloadable: [servers] }
development:
  debug_endpoints: true
  pretty_json: true
  verbose_errors: true
  log_requests: true
  log_responses: false
  cors: { enabled: true, allow_origins: ['*', 'http://localhost:3000'], allow_methods: [GET], allow_headers: ['*'] }
limits:
  max_request_size: 10MB
  max_response_size: 50MB
  max_websocket_message_size: 5MB
  max_connections_per_ip: 80
  debug_timeout_multiplier: 10
tui: { enabled: false, default_tab: overview, refresh_ms: 1000 }
`;

const team = `
version: '1.0'
proxy: { host: 0.0.0.0, port: 8080, worker_threads: 8, request_timeout: 30s, shutdown_timeout: 30s }
servers:
  - id: dev
    name: Development
    transport: http
    endpoint: http://mcp-dev.internal:9001/mcp
    pool: { min_connections: 2, max_connections: 20, idle_timeout: 60s }
    health_check: { enabled: true, interval: 30s, timeout: 5s, retries: 3 }
  - id: shared tools
    name: Shared
    transport: stdio
    command: [tools-server, --quiet]
    args: [--shared]
    working_dir: /opt/mcp
    env: { TEAM: '\${TEAM_ID}' }
    limits: { memory: 1GB, cpu: 2.0, timeout: 60s }
routing:
  strategy: weighted
  weights: { dev: 60 }
  sticky_sessions: { enabled: true, ttl: 1h, cookie_name: X-Server-Id }
  circuit_breaker: { enabled: true, failure_threshold: 5, success_threshold: 3, timeout: 30s, error_rate_threshold: 0.5 }
cache: { enabled: true, key: { hash: blake3, include_headers: false, include_auth: true } }
auth:
  enabled: true
  methods: [api_key]
  api_key:
    enabled: true
    header: X-API-Key
    query_param: api_key
    keys:
      - { key: '\${TEAM_KEY}', name: Team Key 1, roles: [developer] }
      - { key: '\${ADMIN_KEY}', name: Admin Key, roles: [admin] }
authorization:
  enabled: true
  default_policy: deny
  roles:
    - { name: admin, permissions: ['*'] }
    - { name: developer, permissions: ['tools:*', 'resources:read', 'servers:read'] }
    - { name: viewer, permissions: ['tools:read', 'resources:list'] }
rate_limit:
  enabled: true
  global: { requests_per_second: 1000, burst: 2000 }
  per_user: { requests_per_second: 50, requests_per_minute: 2000 }
  per_ip: { requests_per_second: 200 }
logging: { level: info, format: json, output: file, file_path: /var/log/x, max_size: 100MB, max_age: 7d, max_backups: 5 }
monitoring: { metrics: { enabled: true, prometheus: { port: 9090 } }, tracing: { enabled: true, sampling: { rate: 0.01 } } }
hot_reload: { enabled: true, watch_interval: 5s, debounce: 1s, reloadable: [servers] }
collaboration:
  shared_context: { enabled: true }
  broadcast: { enabled: false }
  notifications: { enabled: true, webhook_url: '\${HOOK}', events: [auth_failure] }
resources: { cost_tracking: { enabled: true }, budget: { monthly_limit: 1000, alert_at: [50, 80] } }
backup: { config: { enabled: true, interval: 1h, retention: 7d, path: /backup }, cache: { enabled: false } }
environments: { current: '\${ENVIRONMENT}', overrides: { production: { logging.level: warn } } }
`;

/** The template names \`proxy\` twice, which is no YAML; here it is one. */
const enterprise = `
version: '1.0'
proxy:
  host: 0.0.0.0
  port: 8443
  tls:
    enabled: true
    cert_file: tls.crt
    key_file: tls.key
    ca_file: chain.crt
    min_version: TLS1.3
    cipher_suites: [TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256]
    client_auth: { enabled: true, required: false, ca_file: client-ca.crt }
  max_connections: 100000
  backlog: 1024
  request_timeout: 60s
  keepalive: 75s
  http2: { enabled: true }
  mode: high_availability
  routing: { strategy: consistent_hash, health_aware: true, failover: { enabled: true } }
  connection_pool: { enabled: true, max_connections: 1000, idle_timeout: 300s, connection_timeout: 10s, keepalive: 60s }
  rate_limiting: { enabled: true, global_limit: 10000, per_client_limit: 1000, window: 1m }
  circuit_breaker: { enabled: true, failure_threshold: 5, success_threshold: 3, timeout: 30s, half_open_requests: 10 }
servers:
  - id: us-east-1
    name: US East
    transport: http
    endpoint: https://us.example.com:9443/mcp
    region: us-east-1
    tier: primary
    pool: { min_connections: 10, max_connections: 500, idle_timeout: 300s, connection_timeout: 10s, max_lifetime: 1h }
    health_check:
      { enabled: true, interval: 10s, timeout: 5s, retries: 3, failure_threshold: 3, success_threshold: 2, path: /r, expected_status: 200, checks: [{ type: tcp }] }
    limits: { max_requests: 10000, max_concurrent: 100, queue_size: 5000 }
  - id: gpu
    name: GPU
    transport: grpc
    endpoint: grpc://gpu.example.com:50051
    capabilities: [ml_inference]
    routing_hints: { prefer_for: [image/*] }
context_optimization: { compression: { enabled: true, algorithms: [gzip], min_size: 1024 } }
auth:
  enabled: true
  providers:
    - type: oidc
      issuer: https://auth.example.com
      client_id: \${OIDC_CLIENT_ID}
      client_secret: \${OIDC_CLIENT_SECRET}
      redirect_uri: https://mcp.example.com/callback
      scopes: [openid, profile, email, groups]
    - { type: saml, metadata_url: https://id.example.com/metadata, entity_id: only1mcp }
  rbac:
    enabled: true
    default_role: viewer
    roles:
      - { name: admin, permissions: ['*'] }
      - { name: developer, permissions: ['servers:read', 'servers:execute', 'metrics:read'] }
      - { name: viewer, permissions: ['servers:read', 'metrics:read'] }
  api_keys: { enabled: true, rotation_policy: 90d, encryption: aes256 }
  session: { backend: redis, ttl: 8h, refresh_enabled: true, secure_cookies: true, same_site: strict }
observability:
  metrics: { enabled: true, provider: prometheus, endpoint: /metrics, port: 9090, labels: { region: eu } }
  tracing: { enabled: true, endpoint: 'https://otel.example.com' }
  logging: { level: info, format: json, outputs: [{ type: syslog }] }
  audit: { enabled: true, backend: database, retention: 365d, events: [authentication, admin_actions] }
clustering: { enabled: true, mode: active-active, discovery: {}, consensus: {}, state_sync: {} }
security:
  tls: { min_version: '1.3', client_auth: required }
  headers:
    strict_transport_security: max-age=63072000; includeSubDomains; preload
    x_frame_options: SAMEORIGIN
    x_content_type_options: nosniff
    x_xss_protection: 1; mode=block
    content_security_policy: default-src 'self'
  cors: { enabled: false, allowed_origins: [] }
  ip_filtering: { enabled: true, whitelist: [10.0.0.0/8] }
  secrets: { backend: vault, vault_url: 'https://vault.example.com', vault_token: '\${VAULT_TOKEN}', mount_path: secret }
performance:
  worker_threads: 0
  request_timeout: 30s
  keepalive_timeout: 75s
  buffer_size: 64KB
  tcp_nodelay: true
  tcp_keepalive: { time: 600 }
backup: { enabled: true, schedule: 0 2 * * *, retention: 30d, backends: [{ type: local }] }
features:
  hot_reload: true
  auto_discovery: true
  schema_validation: strict
  request_deduplication: true
  response_streaming: true
  websocket_support: false
  grpc_support: false
  graphql_support: false
compliance:
  standards: [SOC2]
  data_residency: { enabled: true, regions: [eu-west-1] }
  encryption: { at_rest: true, in_transit: true, algorithm: AES-256-GCM }
  pii: { detection: true, masking: true, retention: 90d }
`;

/** Both blocks of its security policy, in a file that has a certificate. */
const policy = `
server: { host: 0.0.0.0, port: 8443, tls: { enabled: true, cert_path: tls.crt, key_path: tls.key } }
servers:
  - { id: near, name: Near, transport: { type: stdio, command: near } }
security:
  tls: { enabled: true, min_version: '1.3', cipher_suites: [TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256] }
  auth: { required: true, jwt: { algorithm: RS256, issuer: only1mcp, audience: mcp-proxy } }
  rate_limiting: { enabled: true, global_limit: 10000, per_client_limit: 1000 }
  sandbox: { enabled: true, max_memory_mb: 512, max_cpu_percent: 50 }
observability:
  audit:
    enabled: true
    events: [authentication, authorization, configuration_change, server_access, admin_actions]
    retention: 365d
`;

/** What its other documents recommend. */
const documents = `
server: { max_request_size_bytes: 10485760, max_header_size_bytes: 8192 }
servers:
  - id: near
    name: Near
    transport: stdio
    command: near
    allowed_tools: [read]
    denied_tools: [write]
    read_only: true
  - { id: far, name: Far, transport: websocket, endpoint: 'wss://far.example.com/mcp' }
proxy:
  rate_limiting: { enabled: true, requests_per_second: 1000, burst: 2000, per_client: true }
  connection_pool: { timeout_seconds: 30 }
transports:
  stdio:
    sandbox:
      enabled: true
      allowed_paths: [/opt/data]
      blocked_syscalls: [fork]
      resource_limits: { nofile: 1024, nproc: 32, memlock: 64MB }
  http:
    { user_agent: x, timeout: 30s, connect_timeout: 10s, keep_alive: true, keep_alive_timeout: 90s, compression: true, retry: { max_attempts: 3 } }
  websocket:
    { max_frame_size: 64KB, max_message_size: 10MB, compression: true, ping_interval: 30s, pong_timeout: 10s, auto_reconnect: true, reconnect_delay: 1s, max_reconnect_delay: 30s }
routing: { consistent_hash: { virtual_nodes: 150 }, failover: { enabled: true } }
circuit_breaker: { half_open_requests: 3, request_volume_threshold: 20 }
context_optimization: { cache: { max_memory_mb: 512 } }
auth:
  jwt: { enabled: true, secret: '\${JWT_SECRET}', issuer: 'https://id.example.com', audience: [mcp-clients], algorithm: RS256 }
  oauth: { enabled: true, providers: [{ name: google, client_id: '\${ID}', client_secret: '\${SECRET}' }] }
  oauth2: { enabled: false, providers: [{ id: x, client_id: y, auth_url: 'https://a.example', token_url: 'https://b.example' }] }
  rbac:
    enabled: true
    policies:
      - { role: admin, permissions: ['*'] }
      - { role: user, permissions: ['tools:list', 'tools:call'] }
metrics: { enabled: true, prometheus: { enabled: true }, statsd: { enabled: false } }
tracing: { enabled: true }
health: { checks: [backends] }
observability:
  audit_logging: { enabled: true, destination: 'file:/var/log/audit.log', events: [auth.success, config.change] }
audit: { log_config_changes: true, notify_on_change: true, webhook_url: 'https://alerts.example.com' }
plugins: { enabled: true, directories: [/usr/lib/x], autoload: [auth] }
experimental: { features: { ai: false }, ab_testing: { enabled: false } }
validation: { required: [servers], types: {}, ranges: {}, patterns: {} }
hot_reload: { static: [tls] }
reload_policy: { validate_before_reload: true, rollback_on_error: true, keep_previous_versions: 3, canary: {} }
include: [/etc/only1mcp/servers.yaml]
`;

/** By what they show. */
export const only1McpFiles: Readonly<Record<'own' | 'solo' | 'team' | 'enterprise' | 'policy' | 'documents', string>> =
  { own, solo, team, enterprise, policy, documents };
