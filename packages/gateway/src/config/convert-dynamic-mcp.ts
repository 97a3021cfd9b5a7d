/**
 * dynamic-mcp's configuration as ours. Its own rules that differ are made explicit: it knows no `$$` and no
 * `${VAR:-default}`, reads `$$` as two dollars, and has other timeouts.
 */

/** dynamic-mcp's defaults; ours differ, so a file that relied on them says so after the conversion. */
const dynamicTimeouts = { tools: '30s', resources: '10s', prompts: '10s' };

/** dynamic-mcp wants a description on every server and knows few other keys. */
export function isDynamicMcp(value: unknown): boolean {
  if (!isObject(value) || !isObject(value['mcpServers'])) return false;
  const known = [
    'type',
    'description',
    'command',
    'args',
    'env',
    'url',
    'headers',
    'oauth',
    'features',
    'enabled',
    'timeout',
  ];
  const servers = Object.values(value['mcpServers']);
  return (
    Object.keys(value).every((key) => key === 'mcpServers') &&
    servers.length > 0 &&
    servers.every(
      (server) =>
        isObject(server) &&
        typeof server['description'] === 'string' &&
        Object.keys(server).every((key) => known.includes(key)),
    )
  );
}

/** The value as ours, every variable where it was. */
export function convertDynamicMcp(value: unknown): unknown {
  const servers = isObject(value) && isObject(value['mcpServers']) ? value['mcpServers'] : {};
  return {
    mcpServers: Object.fromEntries(
      Object.entries(servers).map(([name, server]) => [name, isObject(server) ? dynamicServer(server) : server]),
    ),
  };
}

function dynamicServer(server: Readonly<Record<string, unknown>>): unknown {
  const timeout = isObject(server['timeout']) ? server['timeout'] : {};
  const written = Object.fromEntries(Object.entries(timeout).filter(([, each]) => each !== null && each !== ''));
  // Only these keys are expanded by dynamic-mcp; everywhere else `${VAR}` is plain text to it.
  const expanded = new Set(['args', 'env', 'url', 'headers', 'oauth']);
  const entries = Object.entries(server).map(([key, member]) => [key, retext(member, expanded.has(key))]);
  return { ...Object.fromEntries(entries), timeout: { ...dynamicTimeouts, ...written } };
}

/** The same text under our rules: `$` doubled except in the variables that dynamic-mcp would expand. */
function retext(value: unknown, expands: boolean): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => retext(item, expands));
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, retext(item, expands)]));
  if (typeof value !== 'string') return value;
  return value.replaceAll(/\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$/g, (found) =>
    found !== '$' && expands ? found : found.replace('$', '$$$$'),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
