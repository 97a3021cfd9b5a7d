/** Cursor to Gemini CLI; `fixtures.ts` has them all. */
import { home, project, support, type Fixture } from './fixture.ts';

export const FIRST: readonly Fixture[] = [
  {
    client: 'cursor',
    scope: 'user',
    paths: home('.cursor/mcp.json'),
    text: `{
  "mcpServers": {
    // a comment
    "local": {
      "type": "stdio",
      "command": "python",
      "args": ["\${workspaceFolder}/mcp.py", "--cost=$5"],
      "env": { "API_KEY": "\${env:API_KEY}", "MIXED": "a\${env:B}c" },
      "envFile": "\${userHome}/mcp.env",
    },
    "remote": { "url": "https://\${env:HOST}/mcp", "headers": { "Authorization": "Bearer \${env:TOKEN}" } },
    "login": { "url": "https://x.example/mcp", "auth": { "CLIENT_ID": "x" } },
  },
}`,
    servers: {
      local: {
        command: 'python',
        args: ['{root}/mcp.py', '--cost=$$5'],
        env: { API_KEY: '${API_KEY}', MIXED: 'a${B}c' },
        envFile: '${HOME}/mcp.env',
        isolation: 'project',
      },
      remote: { url: 'https://${HOST}/mcp', headers: { Authorization: 'Bearer ${TOKEN}' } },
      login: { url: 'https://x.example/mcp' },
    },
    dropped: ['login.auth'],
  },
  {
    client: 'claude-desktop',
    scope: 'user',
    paths: support('Claude/claude_desktop_config.json'),
    text: `{
  "globalShortcut": "",
  "mcpServers": {
    "filesystem": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-filesystem", "/home/me/Desktop"],
      "env": { "PLAIN": "\${NOT_EXPANDED}" }
    },
    "remote": {
      "command": "npx",
      "args": ["-y", "mcp-remote@latest", "https://remote.example/sse", "--header", "Authorization:\${AUTH}", "--transport", "sse-only", "--ignore-tool", "delete*"],
      "env": { "AUTH": "Bearer abc" }
    }
  }
}`,
    servers: {
      filesystem: {
        command: 'npx',
        args: ['-y', '@modelcontextprotocol/server-filesystem', '/home/me/Desktop'],
        env: { PLAIN: '$${NOT_EXPANDED}' },
      },
      remote: {
        url: 'https://remote.example/sse',
        type: 'sse',
        headers: { Authorization: 'Bearer abc' },
        tools: { deny: ['delete*'] },
      },
    },
  },
  {
    client: 'claude-code',
    scope: 'user',
    paths: home('.claude.json'),
    text: `{
  "numStartups": 41,
  "mcpServers": {
    "api": {
      "type": "http",
      "url": "\${API_BASE:-https://api.example}/mcp",
      "headers": { "Authorization": "Bearer \${API_KEY}" },
      "timeout": 30000,
      "headersHelper": "/bin/x"
    },
    "off": { "type": "stdio", "command": "x", "args": [], "env": {} }
  },
  "projects": { "/home/me/work": { "disabledMcpServers": ["off"] }, "/Users/me/work": { "disabledMcpServers": ["off"] }, "C:\\\\Users\\\\me\\\\work": { "disabledMcpServers": ["off"] } }
}`,
    servers: {
      api: {
        url: '${API_BASE:-https://api.example}/mcp',
        type: 'http',
        headers: { Authorization: 'Bearer ${API_KEY}' },
        timeout: { call: '30000ms' },
      },
      off: { command: 'x', args: [], env: {}, enabled: false },
    },
    dropped: ['api.headersHelper'],
  },
  {
    client: 'claude-code',
    scope: 'project',
    paths: project('.mcp.json'),
    text: `{ "mcpServers": { "db": { "command": "./bin/db", "args": ["\${DSN}"], "sandbox": "none", "isolation": "shared" } } }`,
    servers: { db: { command: './bin/db', args: ['${DSN}'], cwd: '{project}' } },
    dropped: ['db.sandbox', 'db.isolation'],
  },
  {
    client: 'vscode',
    scope: 'user',
    paths: support('Code/User/mcp.json'),
    text: `{
  "inputs": [{ "type": "promptString", "id": "github-token", "description": "GitHub token", "password": true }],
  "servers": {
    "github": {
      "type": "stdio",
      "command": "docker",
      "args": ["run", "-i", "--rm", "-e", "GITHUB_TOKEN", "-e", "HOME_PROXY", "ghcr.io/github/github-mcp-server"],
      "env": { "GITHUB_TOKEN": "\${input:github-token}" },
      "dev": { "watch": "build/**" }
    },
    "remote": { "type": "http", "url": "https://api.example/mcp", "headers": { "X": "\${env:X}" }, "oauth": { "clientId": "abc" } },
    "caged": { "type": "stdio", "command": "y", "envFile": "/home/me/.env", "sandboxEnabled": true, "sandbox": { "network": {} } }
  }
}`,
    servers: {
      github: {
        command: 'docker',
        args: ['run', '-i', '--rm', '-e', 'GITHUB_TOKEN', '-e', 'HOME_PROXY', 'ghcr.io/github/github-mcp-server'],
        env: { GITHUB_TOKEN: '${GITHUB_TOKEN}', HOME_PROXY: '${HOME_PROXY}' },
      },
      remote: {
        url: 'https://api.example/mcp',
        type: 'http',
        headers: { X: '${X}' },
        oauth: { clientId: 'abc' },
      },
      caged: { command: 'y', envFile: '/home/me/.env' },
    },
    dropped: ['github.dev', 'caged.sandboxEnabled', 'caged.sandbox'],
  },
  {
    client: 'cline',
    scope: 'user',
    paths: home('.cline/data/settings/cline_mcp_settings.json'),
    text: `{ "mcpServers": {
      "local": { "command": "node", "args": ["/path/to/server.js"], "env": { "K": "v" }, "disabled": true, "autoApprove": ["a"], "timeout": 60 },
      "remote": { "type": "streamableHttp", "url": "https://x.example/mcp", "headers": { "A": "b" }, "disabled": false }
    } }`,
    servers: {
      local: {
        command: 'node',
        args: ['/path/to/server.js'],
        env: { K: 'v' },
        enabled: false,
        timeout: { call: '60s' },
      },
      remote: { url: 'https://x.example/mcp', type: 'http', headers: { A: 'b' }, enabled: true },
    },
    dropped: ['local.autoApprove'],
  },
  {
    client: 'kilocode',
    scope: 'user',
    paths: home('.config/kilo/kilo.jsonc'),
    text: `{
  "mcp": {
    "local": { "type": "local", "command": ["node", "/s.js"], "environment": { "API_KEY": "{env:MY_KEY}" }, "enabled": true, "timeout": 10000 },
    "remote": { "type": "remote", "url": "https://x.example/mcp", "headers": { "Authorization": "Bearer {env:MY_API_KEY}" }, "enabled": false }
  }
}`,
    servers: {
      local: {
        command: 'node',
        args: ['/s.js'],
        env: { API_KEY: '${MY_KEY}' },
        enabled: true,
        timeout: { call: '10000ms' },
      },
      remote: {
        url: 'https://x.example/mcp',
        headers: { Authorization: 'Bearer ${MY_API_KEY}' },
        enabled: false,
      },
    },
  },
  {
    client: 'codex',
    scope: 'user',
    paths: home('.codex/config.toml'),
    text: `model = "x"
# Docs
[mcp_servers.docs]
command = "npx"
args = ["-y", "docs@1.0.0"]
env_vars = ["DOCS_TOKEN"]
startup_timeout_sec = 20
tool_timeout_sec = 45
enabled = false
required = true

[mcp_servers.docs.env]
LITERAL = "$HOME"

[mcp_servers.figma]
url = "https://mcp.figma.com/mcp"
bearer_token_env_var = "FIGMA_TOKEN"
http_headers = { "X-Region" = "us" }
env_http_headers = { "X-Key" = "FIGMA_KEY" }
disabled_tools = ["drop"]

[mcp_servers.figma.tools.search]
approval_mode = "approve"
`,
    servers: {
      docs: {
        command: 'npx',
        args: ['-y', 'docs@1.0.0'],
        env: { LITERAL: '$$HOME', DOCS_TOKEN: '${DOCS_TOKEN}' },
        enabled: false,
        timeout: { connect: 20, call: 45 },
      },
      figma: {
        url: 'https://mcp.figma.com/mcp',
        headers: { Authorization: 'Bearer ${FIGMA_TOKEN}', 'X-Region': 'us', 'X-Key': '${FIGMA_KEY}' },
        tools: { deny: ['drop'] },
      },
    },
    dropped: ['docs.required', 'figma.tools'],
  },
  {
    client: 'gemini',
    scope: 'user',
    paths: home('.gemini/settings.json'),
    text: `{
  "mcp": { "excluded": ["web"] },
  "mcpServers": {
    "py": { "command": "python", "args": ["-m", "s"], "cwd": "/srv/s", "env": { "A": "$DB", "B": "\${KEY}" }, "timeout": 15000, "trust": true },
    "http": { "httpUrl": "https://x.example/mcp", "headers": { "T": "Bearer $T" }, "includeTools": ["a"], "excludeTools": ["b"] },
    "web": { "url": "https://y.example/mcp", "type": "http" }
  }
}`,
    servers: {
      py: {
        command: 'python',
        args: ['-m', 's'],
        cwd: '/srv/s',
        env: { A: '${DB}', B: '${KEY}' },
        timeout: { call: '15000ms' },
      },
      http: {
        url: 'https://x.example/mcp',
        type: 'http',
        headers: { T: 'Bearer ${T}' },
        tools: { allow: ['a'], deny: ['b'] },
      },
      web: { url: 'https://y.example/mcp', type: 'http', enabled: false },
    },
    dropped: ['py.trust'],
  },
];
