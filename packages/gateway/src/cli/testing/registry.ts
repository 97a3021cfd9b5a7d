/** Answers of the MCP registry (`GET /v0.1/servers?search=`), in the form that its API documents (schema of servers 2025-12-11). */

const official = (isLatest: boolean, status = 'active'): object => ({
  'io.modelcontextprotocol.registry/official': { status, isLatest, publishedAt: '2026-01-01T00:00:00Z' },
});

const WEATHER = {
  $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
  name: 'io.github.user/local-weather',
  description: 'Weather, for $5',
  version: '1.2.0',
  packages: [
    {
      registryType: 'npm',
      identifier: '@user/weather',
      version: '1.2.0',
      transport: { type: 'stdio' },
      runtimeHint: 'npx',
      packageArguments: [
        { type: 'positional', valueHint: 'place', isRequired: true, description: 'Where' },
        { type: 'named', name: '--units', value: '{units}', variables: { units: { default: 'metric' } } },
        { type: 'named', name: '--debug' },
      ],
      environmentVariables: [
        { name: 'API_KEY', description: 'From the site', isSecret: true, isRequired: true },
        { name: 'LEVEL', default: 'info' },
      ],
    },
    { registryType: 'mcpb', identifier: 'https://x.example/w.mcpb', transport: { type: 'stdio' } },
  ],
};

const REMOTE = {
  name: 'com.example/tracker',
  description: 'Issues',
  version: '2.0.0',
  remotes: [
    {
      type: 'streamable-http',
      url: 'https://{region}.tracker.example/mcp',
      variables: { region: { default: 'eu', choices: ['eu', 'us'] } },
      headers: [
        { name: 'Authorization', value: 'Bearer {token}', variables: { token: { isSecret: true } } },
        { name: 'X-Trace', description: 'optional' },
      ],
    },
  ],
  packages: [
    {
      registryType: 'oci',
      identifier: 'docker.io/example/tracker:2.0.0',
      transport: { type: 'stdio' },
      environmentVariables: [{ name: 'TOKEN', isRequired: true }],
    },
  ],
};

/** By the name that is searched for. */
export const ANSWERS: Readonly<Record<string, object>> = {
  weather: { servers: [{ server: WEATHER, _meta: official(true) }], metadata: { count: 1 } },
  'io.github.user/local-weather': {
    servers: [
      { server: { ...WEATHER, version: '1.1.0' }, _meta: official(false) },
      { server: WEATHER, _meta: official(true) },
      { server: { ...WEATHER, name: 'io.github.user/local-weather-2' }, _meta: official(true) },
    ],
    metadata: { count: 3 },
  },
  'com.example/tracker': { servers: [{ server: REMOTE, _meta: official(true) }], metadata: { count: 1 } },
  'com.example/gone': {
    servers: [{ server: { ...REMOTE, name: 'com.example/gone' }, _meta: official(true, 'deleted') }],
    metadata: { count: 1 },
  },
  'com.example/odd': {
    servers: [
      {
        server: {
          name: 'com.example/odd',
          description: 'x',
          version: '1',
          packages: [
            {
              registryType: 'npm',
              identifier: '--registry=http://evil.example',
              version: '1.0.0',
              transport: { type: 'stdio' },
            },
            { registryType: 'npm', identifier: 'x', version: 'latest', transport: { type: 'stdio' } },
            { registryType: 'npm', identifier: 'x', version: '^1.0.0', transport: { type: 'stdio' } },
            {
              registryType: 'pypi',
              identifier: 'x',
              version: '1.0.0',
              transport: { type: 'sse', url: 'http://localhost' },
            },
          ],
        },
        _meta: official(true),
      },
    ],
    metadata: { count: 1 },
  },
  'com.example/breaking': {
    servers: [
      {
        server: {
          name: 'com.example/breaking',
          description: 'x',
          version: '1\u001b[2J',
          packages: [
            {
              registryType: 'npm',
              identifier: 'x',
              version: '1.0.0',
              transport: { type: 'stdio' },
              packageArguments: [{ type: 'positional', value: '{root}' }],
              environmentVariables: [{ name: 'TOKEN', isRequired: true, isSecret: true }],
            },
          ],
        },
        _meta: official(true, 'deprecated'),
      },
    ],
    metadata: { count: 1 },
  },
};
