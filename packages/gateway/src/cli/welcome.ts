/**
 * What `serve` says to a person when it is ready: where it is, which key opens it, and what to paste into each client. The key is
 * in it: it is for a terminal, never for a log.
 */

import type { ServerConfig } from '../config/index.ts';
import { shellWord } from './text.ts';

export interface WelcomeFacts {
  readonly url: string;
  /** Undefined without authentication. */
  readonly key: string | undefined;
  readonly servers: readonly ServerConfig[];
  /** Undefined for a server that was given on the command line. */
  readonly configPath: string | undefined;
  /** What a change of the file does: `auto`, `confirm` or `off`. */
  readonly reload: string;
}

export function welcome(facts: WelcomeFacts): string {
  const { url, key, servers, configPath, reload } = facts;
  const enabled = enabledNames(servers);
  return [
    `Sallyport is ready at ${url}`,
    `  servers  ${enabled.length === 0 ? 'none yet: `sallyport add NAME -- COMMAND` adds one' : enabled.join(', ')}`,
    ...(configPath === undefined ? [] : [`  file     ${configPath}`]),
    ...(key === undefined ? [] : [`  key      ${key}`]),
    '',
    ...clientLines(url, key),
    '',
    ...nextLines(configPath, reload),
  ].join('\n');
}

/** Names of the servers that are on. */
export function enabledNames(servers: readonly ServerConfig[]): readonly string[] {
  return servers.filter(({ enabled }) => enabled).map(({ name }) => name);
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
      : [
          `Clients may also join it without a key, each starting: sallyport${of} serve --stdio`,
          `To add a server of your own${then}:`,
          `  sallyport add${of} NAME -- COMMAND …`,
        ]),
    'Ctrl+C stops it.',
  ];
}
