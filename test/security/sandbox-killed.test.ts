/** No descendant of a child outlives its gateway, however that ends and whatever the descendants did to get away. */
import { describe, expect, it, vi } from 'vitest';
import { gatewayUsers, hostile, levelsHere, openYard, processesWith, serveIn } from './sandbox-support.ts';

const TIMEOUT_MS = 60_000;
const TEST = 'sandbox-killed.test.ts';
const CAGES = await levelsHere(TEST);
const CASES = gatewayUsers(TEST).flatMap((user) => CAGES.map((level) => ({ user, level })));
/** Three seconds are promised; what is waited for longer is a machine that is busy. */
const GONE = { timeout: 15_000, interval: 50 };

/** Numbers that no other process sleeps for. */
function mark(): string {
  return `${10_000 + Math.floor(Math.random() * 1e6)}.125`;
}

/** Starts a deaf grandchild in the group, one in a session of its own, and one that was forked twice. */
function descend(seconds: string): string {
  const deaf = `trap "" TERM HUP INT; sleep ${seconds}; :`;
  const forked = `(setsid sh -c '${deaf}' &) &`;
  return `child.spawn('sh', ['-c', ${JSON.stringify(deaf)}], { stdio: 'ignore' });
    child.spawn('setsid', ['sh', '-c', ${JSON.stringify(deaf)}], { stdio: 'ignore', detached: true }).unref();
    child.spawnSync('sh', ['-c', ${JSON.stringify(forked)}], { stdio: 'ignore' });
    process.on('SIGTERM', () => undefined);
    const sleeping = () => child.spawnSync('sh', ['-c', 'cat /proc/[0-9]*/cmdline | tr "\\\\0" " " | grep -o "sleep ${seconds} " | wc -l']);
    while (Number(sleeping().stdout) < 3) await new Promise((resolve) => setTimeout(resolve, 20));`;
}

describe.each(CASES)('a child of the gateway of $user under $level', ({ user, level }) => {
  it('P1-15 P1-17 leaves nobody behind when the gateway is killed', { timeout: TIMEOUT_MS }, async () => {
    await using yard = await openYard(user);
    await using serving = await serveIn(yard, { mad: hostile(level) });
    const seconds = mark();
    await serving.evaluate(descend(seconds));
    expect(processesWith(seconds).length).toBeGreaterThanOrEqual(3);
    // setpriv has become the gateway: they are one process.
    process.kill(serving.running.pid, 'SIGKILL');
    await vi.waitFor(() => expect(processesWith(seconds)).toEqual([]), GONE);
  });

  it('P1-15 leaves nobody behind when the gateway is stopped', { timeout: TIMEOUT_MS }, async () => {
    await using yard = await openYard(user);
    await using serving = await serveIn(yard, { mad: hostile(level) });
    const seconds = mark();
    await serving.evaluate(descend(seconds));
    process.kill(serving.running.pid, 'SIGTERM');
    expect(await serving.running.exit).toMatchObject({ code: 0 });
    expect(processesWith(seconds)).toEqual([]);
  });
});
