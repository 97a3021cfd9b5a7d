/** What the children of servers are started with: what their command would fetch is there first, then they are caged. */

import type { Launch } from '@sallyport/client';
import { createPrograms } from '../audit/programs.ts';
import { recordedLaunch } from './audit-events.ts';
import type { Instance, SandboxSettings } from '../call.ts';
import { createInstalls, type ProgramStatus } from '../installs/index.ts';
import type { RoomOptions } from '../rooms.ts';
import type { UpstreamServer } from '../upstream/index.ts';

export interface Children {
  launch(owner: Pick<UpstreamServer, 'name' | 'isolation' | 'sandbox'>, instance: Instance | undefined): Launch;
  program(server: string): ProgramStatus;
  /** Nothing is installed or read any more. */
  close(): void;
}

const NOTHING_WRITTEN: SandboxSettings = { read: [], write: [] };

/** `strict`: of the configuration in force. */
export function createChildren(options: RoomOptions, strict: () => boolean): Children {
  const { audit, env, installsBase: base, log, now, pins, reaper, sandboxes } = options;
  const installs = createInstalls({
    base,
    cage: (owner, child) => sandboxes.cage({ ...owner, home: undefined, revealed: owner.settings.write }, child),
    env,
    locked: (server) => pins.lockedPackage(server),
    strict,
    reaper,
    log,
    now,
  });
  const programs = createPrograms();
  return {
    launch: ({ name, isolation, sandbox: settings = NOTHING_WRITTEN }, instance) => {
      // Nobody comes back to what was a session's.
      const home = isolation === 'session' ? undefined : JSON.stringify([name, instance?.key]);
      const launch: Launch = async (child) => {
        const { revealed, ...ready } = await installs.prepared({ server: name, settings }, child);
        return await sandboxes.launch({ server: name, settings, home, revealed })(ready);
      };
      const sandbox = (): string | undefined => sandboxes.status(name)?.summary;
      const { record } = audit;
      return recordedLaunch(launch, { server: name, principal: instance?.principal, programs, record, sandbox });
    },
    program: (server) => installs.status(server),
    close: () => {
      programs.close();
      installs.close();
    },
  };
}
