import { expect, it } from 'vitest';
import type { CliContext, GlobalOptions } from './context.ts';
import { printStarted } from './start.ts';

const RECORD = {
  id: 'a',
  url: 'http://127.0.0.1:7420/mcp',
  pid: 7,
  place: '',
  startedMs: 0,
  configPath: '/home/me/my config.yaml',
  configHash: 'h',
  logPath: '/state/daemon.log',
  words: [],
  cwd: '/',
  reload: 'auto',
};

function printed(how: 'started' | 'running' | 'restarted', more: Partial<typeof RECORD> = {}): string {
  const written: string[] = [];
  const context = { stdout: { write: (text: string) => written.push(text) } } as unknown as CliContext;
  const globals = { json: false } as GlobalOptions;
  printStarted(context, globals, { ...RECORD, ...more }, how);
  return written.join('');
}

it('says where the gateway is, and what a client starts to join it from any folder', () => {
  expect(printed('started')).toBe(
    [
      'Sallyport runs in the background at http://127.0.0.1:7420/mcp (pid 7)',
      '  file     /home/me/my config.yaml',
      '  log      /state/daemon.log',
      "  clients  let them start: sallyport --config '/home/me/my config.yaml' serve --stdio",
      'See `sallyport status` and `sallyport logs -f`; `sallyport stop` ends it.',
      '',
    ].join('\n'),
  );
  expect(printed('running')).toContain('is running already');
  expect(printed('running')).not.toContain('sallyport stop');
});

it('lets no path move the cursor', () => {
  expect(printed('started', { configPath: '/a\u001b[2J' })).not.toContain('\u001b');
});
