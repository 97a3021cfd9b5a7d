import { describe, expect, it } from 'vitest';
import { createDetect } from './detect.ts';
import { isRoot } from './testing/caged.ts';

const linux = process.platform === 'linux';
const find = (name: string): Promise<string | undefined> => Promise.resolve(`/usr/bin/${name}`);

describe.skipIf(!linux)('createDetect (tries the programs of Linux: needs it)', () => {
  it('tries the layers once, as whom the children will run', async () => {
    const runs: string[] = [];
    const detect = createDetect({
      find,
      run: (command, args) => {
        runs.push([command, ...args].join(' '));
        return Promise.resolve('bubblewrap 0.11.2');
      },
    });
    const [facts, again] = await Promise.all([detect(), detect()]);
    expect(again).toBe(facts);
    expect(facts).toMatchObject({
      bwrap: { path: '/usr/bin/bwrap', version: [0, 11] },
      bwrapFailure: undefined,
      pastaFailure: undefined,
    });
    expect(runs.length).toBe(5);
    const tried = runs.filter((run) => run.endsWith('/usr/bin/true') && run.includes('bwrap'));
    expect(tried.every((run) => run.startsWith('/usr/bin/setpriv --reuid=65534') === isRoot)).toBe(true);
    expect(tried[1]).toContain('/usr/bin/pasta --quiet --config-net --no-map-gw');
  });

  it('SBX-14 tells in its own words why bubblewrap does not work, and tries nothing upon it', async () => {
    const runs: string[] = [];
    const facts = await createDetect({
      find,
      run: (command, args) => {
        runs.push(command);
        const probe = args.includes('--unshare-user');
        return probe
          ? Promise.reject(new Error('No permissions to create new namespace.\n'))
          : Promise.resolve('no version');
      },
    })();
    expect(facts).toMatchObject({ bwrapFailure: 'No permissions to create new namespace', pastaFailure: undefined });
    expect(facts.bwrap?.version).toEqual([0, 0]);
    expect(runs.filter((run) => !/podman|docker/.test(run)).length).toBe(4);
    expect(facts).toMatchObject({ engine: undefined, engineFailure: expect.stringMatching(/^podman: .*; docker: /) });
  });

  it('SBX-14 takes no setpriv that cannot do all that is asked of it', async () => {
    const run = (command: string): Promise<string> =>
      command.endsWith('/setpriv') ? Promise.reject(new Error('unrecognized option: reuid')) : Promise.resolve('');
    expect(await createDetect({ find, run })()).toMatchObject({
      setpriv: undefined,
      setprivFailure: 'unrecognized option: reuid',
    });
  });

  it('SBX-14 says that nothing is there where nothing is', async () => {
    const run = (): Promise<string> => Promise.reject(new Error('never run'));
    const facts = await createDetect({ find: () => Promise.resolve(undefined), run })();
    const { bwrap, pasta, setpriv, prlimit, shell, systemdRun } = facts;
    expect([bwrap, pasta, setpriv, prlimit, shell, systemdRun]).toEqual(Array.from({ length: 6 }, () => undefined));
  });

  it('finds the programs of this machine in folders of the system only', async () => {
    const { shell, platform } = await createDetect()();
    expect([platform, shell]).toEqual(['linux', expect.stringMatching(/^\/(?:usr\/)?bin\/(?:ba)?sh$/)]);
  });
});
