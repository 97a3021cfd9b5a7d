/** A real GNOME Keyring on a bus of its own, with its files in a folder that is given: nothing of the user's is touched. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface Keyring {
  /** What its clients need. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Why there is none here; undefined when there is. */
export function keyringMissing(): string | undefined {
  const missing = ['dbus-daemon', 'gnome-keyring-daemon'].filter(
    (program) => spawnSync(program, ['--version']).error !== undefined,
  );
  return missing.length === 0
    ? undefined
    : `needs ${missing.join(' and ')} (apt-get install dbus gnome-keyring), not here`;
}

/** `password` opens its login keyring, which is made with it the first time; without one it stays locked. */
export async function startKeyring(directory: string, password: string | undefined): Promise<Keyring> {
  await Promise.all(['home', 'runtime'].map((name) => mkdir(join(directory, name), { recursive: true, mode: 0o700 })));
  const places = { HOME: join(directory, 'home'), XDG_RUNTIME_DIR: join(directory, 'runtime') };
  const plain = { PATH: process.env['PATH'] ?? '', ...places };
  const bus = spawn('dbus-daemon', ['--session', '--nofork', '--print-address'], {
    env: plain,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = (await once(bus.stdout, 'data')) as [Buffer];
  const env = { ...plain, DBUS_SESSION_BUS_ADDRESS: line.toString().trim() };
  if (password !== undefined) {
    // It leaves a daemon behind, which ends with the bus.
    const daemon = spawn('gnome-keyring-daemon', ['--unlock', '--components=secrets'], {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    daemon.stdin.end(password);
    await once(daemon, 'exit');
  }
  return {
    env,
    async stop() {
      if (bus.exitCode !== null || bus.signalCode !== null) return;
      const ended = once(bus, 'exit');
      bus.kill('SIGTERM');
      await ended;
    },
  };
}
