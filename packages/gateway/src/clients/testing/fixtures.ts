/** All fixtures: those of `fixtures-first.ts`, and OpenCode to Roo Code. */
import { home, project, type Fixture } from './fixture.ts';
import { FIRST } from './fixtures-first.ts';

export const FIXTURES: readonly Fixture[] = [
  ...FIRST,
  {
    client: 'opencode',
    scope: 'project',
    paths: project('opencode.json'),
    text: `{
  "$schema": "https://opencode.ai/config.json",
  "mcp": {
    "ev": { "type": "local", "command": ["npx", "-y", "x@1.0.0"], "environment": { "K": "{env:K}" }, "cwd": "sub" },
    "sentry": { "type": "remote", "url": "https://mcp.sentry.dev/mcp", "oauth": { "clientId": "{env:ID}", "scope": "a b", "redirectUri": "http://x" } }
  }
}`,
    servers: {
      ev: { command: 'npx', args: ['-y', 'x@1.0.0'], env: { K: '${K}' }, cwd: '{project}/sub' },
      sentry: { url: 'https://mcp.sentry.dev/mcp', oauth: { clientId: '${ID}', scopes: ['a', 'b'] } },
    },
    dropped: ['sentry.oauth.redirectUri'],
  },
  {
    client: 'antigravity',
    scope: 'user',
    paths: home('.gemini/config/mcp_config.json'),
    text: `{ "mcpServers": { "a": { "serverUrl": "https://x.example/mcp", "headers": { "Authorization": "Bearer x" }, "disabledTools": ["z"] }, "b": { "command": "npx", "args": ["b"], "disabled": true } } }`,
    servers: {
      a: { url: 'https://x.example/mcp', headers: { Authorization: 'Bearer x' }, tools: { deny: ['z'] } },
      b: { command: 'npx', args: ['b'], enabled: false },
    },
  },
  {
    client: 'windsurf',
    scope: 'user',
    paths: home('.codeium/windsurf/mcp_config.json'),
    text: `{ "mcpServers": { "a": { "serverUrl": "https://x.example/mcp", "headers": { "K": "\${file:/run/k}" } }, "b": { "command": "npx", "args": ["b"], "env": { "T": "\${env:T}" }, "alwaysAllow": [] } } }`,
    servers: {
      a: { url: 'https://x.example/mcp', headers: { K: '${file:/run/k}' } },
      b: { command: 'npx', args: ['b'], env: { T: '${T}' } },
    },
    dropped: ['b.alwaysAllow'],
  },
  {
    client: 'zed',
    scope: 'user',
    paths: {
      linux: '/home/me/.config/zed/settings.json',
      darwin: '/Users/me/.config/zed/settings.json',
      win32: 'C:\\Users\\me\\AppData\\Roaming\\Zed\\settings.json',
    },
    text: `// Zed settings
{
  "theme": "One Dark",
  "context_servers": {
    "new": { "source": "custom", "enabled": false, "command": "some-command", "args": ["a"], "env": {} },
    "old": { "source": "custom", "command": { "path": "/bin/x", "args": ["b"], "env": { "E": "1" } } },
    "remote": { "url": "https://x.example/mcp", "headers": { "Authorization": "Bearer t" } },
    "ext": { "source": "extension", "enabled": true, "settings": { "k": "v" } },
  },
}`,
    servers: {
      new: { enabled: false, command: 'some-command', args: ['a'], env: {} },
      old: { command: '/bin/x', args: ['b'], env: { E: '1' } },
      remote: { url: 'https://x.example/mcp', headers: { Authorization: 'Bearer t' } },
    },
    left: ['ext'],
  },
  {
    client: 'continue',
    scope: 'user',
    paths: home('.continue/config.yaml'),
    text: `name: Mine
version: 1.0.0
schema: v1
mcpServers:
  - name: My Postgres
    command: npx
    args: [-y, pg@1.0.0]
    env:
      URL: \${{ secrets.PG_URL }} # from the hub
    connectionTimeout: 5000
  - name: remote
    type: streamable-http
    url: https://x.example/mcp
    requestOptions: { headers: { Authorization: 'Bearer \${{ secrets.TOKEN }}' }, timeout: 3 }
`,
    servers: {
      'My-Postgres': {
        command: 'npx',
        args: ['-y', 'pg@1.0.0'],
        env: { URL: '${PG_URL}' },
        timeout: { connect: 5 },
      },
      remote: { url: 'https://x.example/mcp', type: 'http', headers: { Authorization: 'Bearer ${TOKEN}' } },
    },
    dropped: ['My-Postgres.name', 'remote.requestOptions', 'remote.name'],
  },
  {
    client: 'lm-studio',
    scope: 'user',
    paths: home('.lmstudio/mcp.json'),
    text: `{ "mcpServers": { "hf": { "url": "https://huggingface.co/mcp", "headers": { "Authorization": "Bearer x" } } } }`,
    servers: { hf: { url: 'https://huggingface.co/mcp', headers: { Authorization: 'Bearer x' } } },
  },
  {
    client: 'goose',
    scope: 'user',
    paths: {
      linux: '/home/me/.config/goose/config.yaml',
      darwin: '/Users/me/.config/goose/config.yaml',
      win32: 'C:\\Users\\me\\AppData\\Roaming\\Block\\goose\\config\\config.yaml',
    },
    text: `GOOSE_PROVIDER: anthropic
extensions:
  developer: { enabled: true, type: builtin, name: developer, timeout: 300, bundled: true }
  github:
    enabled: false
    type: stdio
    name: github
    description: GitHub
    cmd: npx
    args: [-y, gh@1.0.0]
    envs: { LEVEL: info }
    env_keys: [GITHUB_TOKEN]
    timeout: 300
    bundled: null
    available_tools: []
  remote:
    enabled: true
    type: streamable_http
    name: remote
    uri: https://x.example/mcp
    headers: { Authorization: 'Bearer $TOKEN' }
`,
    servers: {
      github: {
        enabled: false,
        description: 'GitHub',
        command: 'npx',
        args: ['-y', 'gh@1.0.0'],
        env: { LEVEL: 'info', GITHUB_TOKEN: '${GITHUB_TOKEN}' },
        timeout: { call: '300s' },
      },
      remote: {
        enabled: true,
        url: 'https://x.example/mcp',
        type: 'http',
        headers: { Authorization: 'Bearer ${TOKEN}' },
      },
    },
    dropped: ['github.name', 'remote.name'],
    left: ['developer'],
  },
  {
    client: 'junie',
    scope: 'user',
    paths: home('.junie/mcp/mcp.json'),
    text: `{ "mcpServers": { "a": { "command": "npx", "args": ["-y", "a@1.0.0"], "env": { "K": "v" } } } }`,
    servers: { a: { command: 'npx', args: ['-y', 'a@1.0.0'], env: { K: 'v' } } },
  },
  {
    client: 'roo',
    scope: 'project',
    paths: project('.roo/mcp.json'),
    text: `{ "mcpServers": { "a": { "command": "node", "args": ["\${workspaceFolder}/s.js"], "alwaysAllow": ["x"], "disabled": false, "watchPaths": ["/x"], "disabledTools": ["y"] }, "b": { "type": "streamable-http", "url": "https://x.example/mcp", "headers": { "A": "\${env:A}" } } } }`,
    servers: {
      a: {
        command: 'node',
        args: ['{project}/s.js'],
        cwd: '{project}',
        enabled: true,
        tools: { deny: ['y'] },
      },
      b: { url: 'https://x.example/mcp', type: 'http', headers: { A: '${A}' } },
    },
    dropped: ['a.alwaysAllow', 'a.watchPaths'],
  },
];
