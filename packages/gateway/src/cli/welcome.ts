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
  readonly configPath: string | undefined;
}

export function welcome(facts: WelcomeFacts): string {
  const enabled = facts.servers.filter((server) => server.enabled).map(({ name }) => name);
  const servers = enabled.length === 0 ? 'no servers: add one with `sallyport add`' : enabled.join(', ');
  const lines = [`Sallyport is ready at ${facts.url}`, `  servers  ${servers}`];
  if (facts.key !== undefined) lines.push(`  key      ${facts.terminal ? facts.key : `in ${facts.keyFile}`}`);
  if (facts.terminal) lines.push('', ...pasteLines(facts), '', ...ownLines(facts));
  return lines.join('\n');
}

function pasteLines({ url, key }: WelcomeFacts): string[] {
  const bearer = key === undefined ? undefined : `Bearer ${key}`;
  const headers = bearer === undefined ? {} : { headers: { Authorization: bearer } };
  const flag = (option: string): string => (bearer === undefined ? '' : ` ${option} "Authorization: ${bearer}"`);
  const codexKey = key === undefined ? '' : ' --bearer-token-env-var SALLYPORT_KEY';
  return [
    'Put it into a client:',
    `  Claude Code   claude mcp add --transport http sallyport ${url}${flag('--header')}`,
    `  Cursor        in ~/.cursor/mcp.json: ${JSON.stringify({ mcpServers: { sallyport: { url, ...headers } } })}`,
    `  VS Code       code --add-mcp '${JSON.stringify({ name: 'sallyport', type: 'http', url, ...headers })}'`,
    ...(key === undefined ? [] : [`  Codex         export SALLYPORT_KEY=${key}`]),
    `  ${key === undefined ? 'Codex' : '     '}         codex mcp add sallyport --url ${url}${codexKey}`,
    `  Gemini CLI    gemini mcp add --transport http${flag('--header')} sallyport ${url}`,
  ];
}

function ownLines({ configPath }: WelcomeFacts): string[] {
  const of = configPath === undefined ? '' : ` --config ${configPath}`;
  return [
    'Try it:  sallyport tools · sallyport call TOOL JSON',
    `Your own servers:  sallyport add NAME -- COMMAND …   or   sallyport add NAME URL${of === '' ? '' : `   (here: add${of})`}`,
    'Stop with Ctrl+C.',
  ];
}
