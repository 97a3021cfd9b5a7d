/** The level `limited` for real: what a child of root and one of nobody is left with. */
import { chown, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDetect } from './detect.ts';
import { NOBODY } from './level.ts';
import { type CagedSpec, evaluateCaged, GATEWAY_USERS, isRoot, NODE, runCaged } from './testing/caged.ts';

const TIMEOUT_MS = 60_000;
const { prlimit, setpriv, setprivFailure } = await createDetect()();
const isThere = setpriv !== undefined && prlimit !== undefined;
if (!isThere) console.warn(`limited.test.ts is skipped: there is no setpriv or prlimit. ${setprivFailure ?? ''}`);

let folder = '';

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-limited-')));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(!isThere).each(GATEWAY_USERS)('a child of %s under limited (needs setpriv and prlimit)', (user) => {
  const spec = async (more: Partial<CagedSpec> = {}): Promise<CagedSpec> => {
    if (isRoot) await (user === 'nobody' ? chown(folder, NOBODY.uid, NOBODY.gid) : chown(folder, 0, 0));
    return { level: 'limited', folder, ...more };
  };

  it('P4-02 is not root, has no capabilities and gets no new privileges', { timeout: TIMEOUT_MS }, async () => {
    const [status, groups] = (await evaluateCaged(
      user,
      await spec(),
      `return [String(readFileSync('/proc/self/status')), process.getgroups()]`,
    )) as [string, number[]];
    const uid = isRoot ? NOBODY.uid : process.getuid?.();
    expect(status).toMatch(new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, 'm'));
    expect(status).toMatch(/^CapEff:\s0{16}$/m);
    expect(status).toMatch(/^CapPrm:\s0{16}$/m);
    expect(status).toMatch(/^NoNewPrivs:\s1$/m);
    const ofRoot = groups.filter((group) => isRoot && group === 0);
    expect(ofRoot).toEqual([]);
  });

  it('P4-02 does not become root by a program that is set to', { timeout: TIMEOUT_MS }, async () => {
    const result = await evaluateCaged(
      user,
      await spec(),
      `return spawnSync('su', ['-c', 'id -u', 'root'], { input: '', encoding: 'utf8' }).stdout || 'refused'`,
    );
    expect(result).toBe('refused');
  });

  it('P4-01 has limits of files, core dumps and memory', { timeout: TIMEOUT_MS }, async () => {
    const limits = (await evaluateCaged(
      user,
      await spec(),
      `return String(readFileSync('/proc/self/limits'))`,
    )) as string;
    expect(limits).toMatch(/^Max core file size\s+0\s+0/m);
    expect(Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1])).toBeLessThanOrEqual(4096);
    const hog = `$| = 1; print "begun\\n"; my $n = 512 * 1024 * 1024; my $hog = "x" x $n; print "got it\\n"`;
    const bounded = await spec({ command: '/usr/bin/perl', args: ['-e', hog], memoryBytes: 256 * 1024 * 1024 });
    const { stdout, code } = await runCaged(user, bounded);
    expect([stdout, code === 0]).toEqual(['begun\n', false]);
  });

  it('SBX-14 is refused where it is written and one of its programs is missing', { timeout: TIMEOUT_MS }, async () => {
    for (const [name, told] of [
      ['setpriv', 'setpriv was not found'],
      ['prlimit', 'prlimit, which bounds what a server uses, was not found'],
    ] as const) {
      const started = await runCaged(user, {
        ...(await spec({ command: NODE, args: ['-e', 'console.log("started")'] })),
        unlike: { [name]: null },
      });
      expect([started.code, started.stdout]).toEqual([70, '']);
      expect(started.stderr).toContain(told);
    }
  });
});
