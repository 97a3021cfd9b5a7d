/** Folders of root's as a child's own: what is privileged in them stays as it is. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDetect } from './detect.ts';
import { NOBODY } from './level.ts';
import { canMapOwner, withOwner } from './owners.ts';
import { planSandbox } from './plan.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-owners-'));
  await chmod(folder, 0o755);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const facts = await createDetect()();
const canMap = await canMapOwner(facts, NOBODY, tmpdir());
if (!canMap) console.warn('owners: skipped: this user, or the file system of the temporary files, cannot map owners.');

/** Opens each for writing and maps it, as who rewrites a program without its losing its bits. Prints 1 for each that it could. */
const REWRITE = `for my $path (@ARGV) { print open(my $file, '+<', $path) ? 1 : 0 }`;

describe.skipIf(!canMap)("a folder of root's that is a child's own (needs root)", () => {
  it('P4-02 may be written to, but for programs that run with rights of root', async () => {
    const names = ['plain', 'below/set-user', 'below/set-group', 'capable'];
    await mkdir(join(folder, 'below'));
    for (const name of names) await writeFile(join(folder, name), 'x', { mode: 0o755 });
    await chmod(join(folder, 'below/set-user'), 0o4755);
    await chmod(join(folder, 'below/set-group'), 0o2755);
    const isCapable = spawnSync('setcap', ['cap_net_raw+ep', join(folder, 'capable')]).status === 0;
    const paths = names.map((name) => join(folder, name));
    const survey = { read: [], write: [], hidden: [], revealed: [], laterRun: [], problems: [] };
    const become = [`--reuid=${NOBODY.uid}`, `--regid=${NOBODY.gid}`, '--clear-groups'];
    const spec = { level: 'none', command: '/bin/true', args: [], cwd: '/', env: {}, hidden: [] } as const;
    const plan = {
      ...planSandbox(spec, facts, survey),
      user: NOBODY,
      command: 'setpriv',
      args: [...become, 'perl', '-e', REWRITE, ...paths, join(folder, 'below/../plain')],
    };
    const run = (writable: readonly string[]): string => {
      const { args, command } = withOwner(plan, { paths: [folder], writable }, facts);
      const { stderr, stdout } = spawnSync(command, args, { encoding: 'utf8' });
      return stderr + stdout;
    };
    // Without a look at what is in it they all could be.
    expect(run([])).toBe('11111');
    expect(run([folder])).toBe(`100${isCapable ? 0 : 1}1`);
    expect((await stat(join(folder, 'below/set-user'))).mode & 0o7777).toBe(0o4755);
    expect(await readFile(join(folder, 'plain'), 'utf8')).toBe('x');
  });
});
