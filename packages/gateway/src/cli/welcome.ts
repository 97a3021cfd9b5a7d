/** What `serve` says when it is ready: where it is, which key opens it, and what to paste into each client. */

import type { ServerConfig } from '../config/index.ts';

export interface WelcomeFacts {
  readonly url: string;
  /** Undefined without authentication. */
  readonly key: string | undefined;
  readonly keyFile: string;
  /** A key is shown to a person, never to a log. */
  readonly terminal: boolean;
  readonly servers: readonly ServerConfig[];
  /** Undefined for a server that was given on the command line. */
  readonly configPath: string | undefined;
  /** What a change of the file does: `auto`, `confirm` or `off`. */
  readonly reload: string;
}

export function welcome(facts: WelcomeFacts): string {
  const { url, key, keyFile, terminal, servers, configPath, reload } = facts;
  const enabled = servers.filter((server) => server.enabled).map(({ name }) => name);
  return [
    `Sallyport is ready at ${url}`,
    `  servers  ${enabled.length === 0 ? 'none yet: `sallyport add NAME -- COMMAND` adds one' : enabled.join(', ')}`,
    ...(configPath === undefined ? [] : [`  file     ${configPath}`]),
    ...(key === undefined ? [] : [`  key      ${terminal ? key : `in ${keyFile}`}`]),
    ...(terminal ? ['', ...clientLines(url, key), '', ...nextLines(configPath, reload)] : []),
  ].join('\n');
}

/** Each line is whole, so that it can be copied alone. */
function clientLines(url: string, key: string | undefined): string[] {
  const headers = key === undefined ? {} : { headers: { Authorization: `Bearer ${key}` } };
  const header = key === undefined ? '' : ` --header "Authorization: Bearer ${key}"`;
  const codex = `codex mcp add sallyport --url ${url}`;
  return [
    'For your AI client, copy a line:',
    'Claude Code',
    `  claude mcp add --transport http sallyport ${url}${header}`,
    'Codex',
    ...(key === undefined
      ? [`  ${codex}`]
      : [`  export SALLYPORT_KEY=${key}`, `  ${codex} --bearer-token-env-var SALLYPORT_KEY`]),
    'Gemini CLI',
    `  gemini mcp add --transport http${header} sallyport ${url}`,
    'VS Code',
    `  code --add-mcp '${JSON.stringify({ name: 'sallyport', type: 'http', url, ...headers })}'`,
    'Cursor, in ~/.cursor/mcp.json',
    `  ${JSON.stringify({ mcpServers: { sallyport: { url, ...headers } } })}`,
  ];
}

function nextLines(configPath: string | undefined, reload: string): string[] {
  const of = configPath === undefined ? '' : ` --config ${shellWord(configPath)}`;
  const then = { off: ', then restart', confirm: ', then `sallyport reload`' }[reload] ?? '';
  return [
    'In another terminal: sallyport list · sallyport tools · sallyport call TOOL name=value',
    ...(configPath === undefined
      ? []
      : [`To add a server of your own${then}:`, `  sallyport add${of} NAME -- COMMAND …`]),
    'Ctrl+C stops it.',
  ];
}

function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
