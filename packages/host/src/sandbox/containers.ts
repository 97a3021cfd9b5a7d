/**
 * Starts and ends the containers of the engine's driver: finds the image, names the container, and ends it by its name, for the command
 * that waits for it may be gone first. What a killed gateway left goes with the first that its successor starts.
 */
import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { AT_START, type EngineFacts } from './spec.ts';
import { shellArgs } from './shell.ts';

const ASK_TIMEOUT_MS = 10_000;
/** Of all that are started here: with the name of this machine, for processes are counted by each. */
const LABEL = 'sallyport.host';

export interface ContainersOptions {
  readonly isAlive: (pid: number) => boolean;
  /** For tests. Default: the name of this machine. */
  readonly host?: string;
}

export interface Containers {
  /** The identity of an image. Rejects with an Error for a person when it is not there: none is fetched. */
  image(engine: EngineFacts, image: string): Promise<string>;
  /** Takes away what processes of this machine left that are gone. Never rejects. */
  sweep(engine: EngineFacts): Promise<void>;
  /** Never rejects. */
  end(engine: EngineFacts, name: string): Promise<void>;
  /** The flag by which a container is found again. */
  readonly label: string;
}

export function createContainers({ isAlive, host = hostname() }: ContainersOptions): Containers {
  const swept = new Map<string, Promise<void>>();
  const label = `${LABEL}=${host}`;
  const sweep = async (engine: EngineFacts): Promise<void> => {
    const list = ['ps', '--all', '--filter', `label=${label}`, '--format', '{{.Names}}'];
    const names = (await ask(engine, list).catch(() => '')).split('\n');
    const left = names.filter((name) => {
      const pid = processOf(name);
      return pid !== undefined && !isAlive(pid);
    });
    await Promise.all(left.map((name) => end(engine, name)));
  };
  return {
    label,
    async image(engine, image) {
      const known = await ask(engine, ['image', 'inspect', '--format', '{{.Id}}', image]).catch(() => undefined);
      if (known !== undefined) return known.trim();
      const get = `${engine.name} pull ${image}`;
      throw new Error(
        `The image "${image}" is not here: ${get}, or write another as "image" into "sandbox". Without one, ` +
          'sallyport doctor says what else keeps to the level.',
      );
    },
    async sweep(engine) {
      const key = engine.argv.join('\0');
      const known = swept.get(key) ?? sweep(engine);
      swept.set(key, known);
      await known;
    },
    end,
  };
}

/** Which process has given a name; undefined: none of ours. */
export function processOf(name: string): number | undefined {
  const pid = /^sallyport-(\d+)-/.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

async function end(engine: EngineFacts, name: string): Promise<void> {
  await ask(engine, removal(engine, name)).catch(() => undefined);
}

/** At once: Podman would ask it to end first. */
function removal({ name: kind }: EngineFacts, name: string): readonly string[] {
  return ['rm', '--force', '--volumes', ...(kind === 'podman' ? ['--time', '0'] : []), name];
}

function ask({ argv: [command = '', ...before], env }: EngineFacts, args: readonly string[]): Promise<string> {
  const options = { env: { ...env }, timeout: ASK_TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve, reject) => {
    const child = execFile(command, [...before, ...args], options, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(error);
    });
    child.stdin?.end();
  });
}

/**
 * What is started instead of the engine's command: a shell that waits for it. When the group is told to end, the engine's command passes
 * that on; a server that does not heed it within a second is ended by the engine, which nothing of the group could do once it is
 * killed. The first parameters are what takes the container away, then comes the command.
 */
export function engineLauncher(
  shell: string,
  engine: EngineFacts,
  run: { readonly command: string; readonly args: readonly string[] },
): readonly string[] {
  const remove = [...engine.argv, ...removal(engine, AT_START.name)];
  const script = `
end() { ${remove.map((_word, index) => `"\${${index + 1}}"`).join(' ')} </dev/null >/dev/null 2>&1; }
run() { shift ${remove.length}; exec "$@"; }
heeded() {
  for tenth in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$client" 2>/dev/null || return 0
    sleep 0.1
  done
  return 1
}
exec 3<&0
run "$@" <&3 3<&- &
client=$!
exec </dev/null >/dev/null 3<&-
trap 'heeded || end "$@"' HUP INT TERM
wait "$client"
code=$?
while kill -0 "$client" 2>/dev/null; do
  wait "$client"
  code=$?
done
exit "$code"
`;
  return [shell, ...shellArgs(shell), script, 'sallyport', ...remove, run.command, ...run.args];
}
