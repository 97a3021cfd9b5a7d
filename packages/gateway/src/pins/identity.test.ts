import { describe, expect, it } from 'vitest';
import { identityOf } from './identity.ts';

const run = (command: string, ...args: string[]): string => identityOf({ kind: 'stdio', command, args });

describe('what stands behind a name', () => {
  it.each([
    [run('npx', '-y', '@scope/server@1.2.3', '/home/alice'), 'npm:@scope/server'],
    [run('/usr/bin/npx', '@scope/server@2'), 'npm:@scope/server'],
    [run('uvx', 'mcp-git'), 'pypi:mcp-git'],
    [run('/home/alice/bin/node', '--no-warnings', '/home/alice/x/server.js', 'more'), 'node server.js'],
    [run('docker', 'run', '-i', '--rm', '-v', '/home/alice:/data', '-e', 'A=b', 'mcp/fetch'), 'docker run mcp/fetch'],
    [run('server'), 'server'],
    [identityOf({ kind: 'http', url: 'https://mcp.example.com/mcp?token=x' }), 'https://mcp.example.com/mcp'],
  ])('is %s', (identity, expected) => {
    expect(identity).toBe(expected);
  });
});
