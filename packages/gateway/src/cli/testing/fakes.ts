/** What tests of the command line are given of the world where they do not look: nothing happens there. */

import type { ServerStatus } from '../../wiring/status.ts';
import type { CliContext } from '../context.ts';

export const NO_PROCESSES: CliContext['processes'] = {
  self: ['node', 'sallyport'],
  platform: 'linux',
  uid: 1000,
  detach: () => Promise.reject(new Error('nothing is started')),
  isAlive: () => false,
  terminate: () => undefined,
  run: async () => ({ code: 127, stderr: '' }),
  watch: () => () => undefined,
  delay: async () => undefined,
};

/** A child that is up and well. */
export function serverStatus(more: Partial<ServerStatus> = {}): ServerStatus {
  return {
    name: 'a',
    enabled: true,
    transport: 'stdio',
    state: 'up',
    eras: ['session'],
    known: true,
    isolation: 'shared',
    instances: 1,
    sandbox: { level: 'standard', summary: 'standard: bubblewrap, seccomp', gaps: [] },
    tools: 3,
    prompts: 0,
    resources: 2,
    templates: 0,
    retryInMs: 0,
    restarts: 0,
    noiseLines: 0,
    tags: [],
    environment: [],
    ...more,
  };
}
