/** What reaches git and the commands of a project: injection, hostile repositories, the environment, and the end of what was started. */
import { execFileSync } from 'node:child_process';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VALID } from './inputs.ts';
import { CANARY, KEY, makeSite, overStdio, sample } from './support.ts';

interface Property {
  readonly type?: unknown;
  readonly enum?: unknown;
  readonly pattern?: unknown;
}

describe('P2-19 P3-05 injection', () => {
  it('no string of any tool reaches a shell or becomes an option', async () => {
    const site = await makeSite();
    const caller = await overStdio(site);
    try {
      await sample(caller);
      await site.write('own.md', 'own\n');
      const git = (...args: string[]): void =>
        void execFileSync(
          'git',
          ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'init.defaultBranch=main', ...args],
          { cwd: site.folder, stdio: 'ignore' },
        );
      git('init');
      git('add', '-A');
      git('commit', '-m', 'first');
      const marker = join(site.base, 'pwned');
      const payloads = [
        `x;touch ${marker}`,
        `$(touch ${marker})`,
        `\`touch ${marker}\``,
        `--output=${marker}`,
        `--upload-pack=touch ${marker}`,
        `a\ntouch ${marker}\n`,
        `| touch ${marker}`,
      ];
      let calls = 0;
      for (const { name, inputSchema } of await caller.tools()) {
        const properties = Object.entries(inputSchema['properties'] as Record<string, Property>);
        for (const [property, { type, enum: choices }] of properties) {
          if (type !== 'string' || choices !== undefined) continue;
          const reaches = /^(?:git_|metrics_|prereqs_|quality_)/.test(name);
          for (const payload of reaches ? payloads : [payloads.slice(0, 4).join(' ')]) {
            await caller.tell(name, { ...VALID.get(name), [property]: payload });
            calls += 1;
          }
        }
      }
      for (const payload of payloads) {
        expect((await caller.tell('prereqs_check', { checkFor: { customCommands: [payload] } })).refused).toBe(true);
        await caller.tell('prereqs_check', { checkFor: { node: payload, git: payload } });
      }
      expect(calls).toBeGreaterThan(50);
      expect(await readdir(site.base)).not.toContain('pwned');
      expect(await readdir(site.folder)).not.toContain('pwned');
    } finally {
      await caller[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    }
  }, 120_000);

  it('nothing that the configuration of a repository names is run', async () => {
    const site = await makeSite();
    const caller = await overStdio(site);
    try {
      const evil = join(site.base, 'evil.sh');
      await writeFile(evil, `#!/bin/sh\necho "$0 $*" >> '${site.base}/ran'\ncat\n`);
      await chmod(evil, 0o755);
      const git = (...args: string[]): string =>
        execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'init.defaultBranch=main', ...args], {
          cwd: site.folder,
          encoding: 'utf8',
          stdio: ['pipe', 'pipe', 'ignore'],
        }).trim();
      git('init');
      await site.write('a.txt', 'x');
      git('add', '-A');
      git('commit', '-m', 'first');
      const seconds = Math.floor(Date.now() / 1000);
      const body = `tree ${git('rev-parse', 'HEAD^{tree}')}\nparent ${git('rev-parse', 'HEAD')}\nauthor a <a@a> ${seconds} +0000\ncommitter a <a@a> ${seconds} +0000\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\nsigned\n`;
      const signed = execFileSync('git', ['hash-object', '-w', '-t', 'commit', '--stdin'], {
        cwd: site.folder,
        input: body,
        encoding: 'utf8',
      }).trim();
      git('update-ref', 'refs/heads/main', signed);
      git('branch', 'other');
      await site.write('.git/info/attributes', '*.txt filter=evil diff=evil\n');
      for (const name of [
        'filter.evil.clean',
        'filter.evil.smudge',
        'gpg.program',
        'core.fsmonitor',
        'core.pager',
        'core.sshCommand',
        'diff.evil.command',
        'diff.evil.textconv',
        'diff.external',
        'core.editor',
      ])
        git('config', name, evil);
      git('config', 'log.showSignature', 'true');
      git('config', 'core.hooksPath', site.base);
      for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change']) {
        await writeFile(join(site.base, hook), `#!/bin/sh\necho ${hook} >> '${site.base}/ran'\n`, { mode: 0o755 });
      }
      // Same size, other time: git must look into the file, through its filter.
      await site.write('a.txt', 'x');
      await caller.tell('metrics_report', { format: 'json' });
      await caller.tell('git_create_branch', { branchName: 'one' });
      await site.write('a.txt', 'x');
      await caller.tell('git_create_branch', { branchName: 'two', fromBranch: 'other' });
      const ran = await readFile(join(site.base, 'ran'), 'utf8').catch(() => '');
      expect(ran).toBe('');
    } finally {
      await caller[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    }
  });

  it('P1-10/P3-08 P3-07 a command gets CI and nothing of our environment, and ends with its call', async () => {
    const site = await makeSite();
    const caller = await overStdio(site, { API_KEY: KEY, NODE_OPTIONS: '--no-warnings', GITHUB_TOKEN: CANARY });
    try {
      await site.write('print.mjs', 'console.log(JSON.stringify(process.env));\n');
      await site.write('package.json', JSON.stringify({ scripts: { test: 'node print.mjs' } }));
      const { output } = await caller.call('quality_test');
      expect(output).toContain('"CI":"true"');
      for (const secret of [CANARY, KEY, 'GITHUB_TOKEN', 'no-warnings']) expect(output).not.toContain(secret);
    } finally {
      await caller[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    }
  });

  it('P3-07 a command is ended with the client that asked for it', async () => {
    const site = await makeSite();
    const caller = await overStdio(site);
    try {
      await site.write(
        'wait.mjs',
        "import { writeFileSync } from 'node:fs';\nwriteFileSync('pid', String(process.pid));\nsetInterval(() => {}, 1000);\n",
      );
      await site.write('package.json', JSON.stringify({ scripts: { test: 'node wait.mjs' } }));
      const hanging = caller.tell('quality_test');
      let pid = 0;
      await expect
        .poll(async () => (pid = Number(await site.read('pid').catch(() => '0'))), { timeout: 20_000 })
        .toBeGreaterThan(0);
      await caller[Symbol.asyncDispose]();
      await hanging;
      const lives = (): boolean => {
        try {
          return process.kill(pid, 0);
        } catch {
          return false;
        }
      };
      await expect.poll(lives, { timeout: 20_000 }).toBe(false);
    } finally {
      await site[Symbol.asyncDispose]();
    }
  }, 60_000);
});
