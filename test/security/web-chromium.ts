/**
 * Chromium without a window, driven over its DevTools protocol: it opens pages, presses buttons, and shows what it shows as a
 * picture. Only what is needed to walk through a sign-in.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const WAIT_MS = 20_000;

/** The program; undefined where there is none. */
export function findChromium(): string | undefined {
  return NAMES.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore', timeout: WAIT_MS }).status === 0);
}

export interface Look {
  readonly width: number;
  readonly isDark: boolean;
}

export interface Chromium extends AsyncDisposable {
  open(url: string): Promise<void>;
  /** What the page says. */
  text(): Promise<string>;
  /** Its URL. */
  url(): Promise<string>;
  /** Presses what has this text, as a person does. */
  press(label: string): Promise<void>;
  /** Resolves when the page says or is this. */
  until(pattern: RegExp): Promise<void>;
  /** A picture (PNG) of the whole page. */
  picture(look: Look): Promise<Buffer>;
  /** What the browser complained of: violated policies, broken resources, errors of scripts. */
  readonly complaints: readonly string[];
}

/** It takes any certificate: those of these tests are of an authority of their own. */
export async function openChromium(program: string): Promise<Chromium> {
  const profile = await mkdtemp(join(tmpdir(), 'sallyport-chromium-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
  const more = ['--ignore-certificate-errors', '--remote-debugging-port=0', `--user-data-dir=${profile}`];
  const child = spawn(program, [...flags, ...more, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // What it leaves behind when it is killed goes with its profile.
    env: { ...process.env, TMPDIR: profile },
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    const connection = await connect(await debuggerUrl(child.stderr));
    return { ...(await openPage(connection)), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function debuggerUrl(stderr: NodeJS.ReadableStream): Promise<string> {
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('Chromium did not begin.')), WAIT_MS);
    const lines = createInterface({ input: stderr });
    lines.on('line', (line) => {
      const [, url] = /^DevTools listening on (ws:\S+)/.exec(line) ?? [];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}

type Json = Record<string, unknown>;
type Send = (method: string, params?: Json, sessionId?: string) => Promise<Json>;

interface Connection {
  readonly send: Send;
  readonly onEvent: (listener: (method: string, params: Json) => void) => void;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Json;
  readonly result?: Json;
  readonly error?: { readonly message: string };
}

async function connect(url: string): Promise<Connection> {
  const socket = new WebSocket(url);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error('Chromium cannot be reached.')));
  });
  const waiting = new Map<number, PromiseWithResolvers<Json>>();
  const listeners: ((method: string, params: Json) => void)[] = [];
  let last = 0;
  socket.addEventListener('message', ({ data }) => {
    const { error, id, method, params = {}, result = {} } = JSON.parse(String(data)) as Message;
    if (method !== undefined) for (const listener of listeners) listener(method, params);
    const asked = waiting.get(id ?? 0);
    waiting.delete(id ?? 0);
    if (error === undefined) asked?.resolve(result);
    else asked?.reject(new Error(error.message));
  });
  return {
    onEvent: (listener) => void listeners.push(listener),
    send: (method, params = {}, sessionId) => {
      const asked = Promise.withResolvers<Json>();
      waiting.set(++last, asked);
      socket.send(JSON.stringify({ id: last, method, params, ...(sessionId !== undefined && { sessionId }) }));
      return asked.promise;
    },
  };
}

async function openPage({ onEvent, send }: Connection): Promise<Omit<Chromium, typeof Symbol.asyncDispose>> {
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const call = (method: string, params: Json = {}): Promise<Json> => send(method, params, sessionId as string);
  const complaints: string[] = [];
  onEvent((method, params) => {
    if (method === 'Log.entryAdded') complaints.push(String((params['entry'] as Json)['text']));
    if (method === 'Runtime.exceptionThrown') complaints.push(JSON.stringify(params));
  });
  await Promise.all([call('Page.enable'), call('Runtime.enable'), call('Log.enable')]);
  const evaluate = async (expression: string): Promise<unknown> => {
    const { result } = await call('Runtime.evaluate', { expression, returnByValue: true, userGesture: true });
    return (result as Json)['value'];
  };
  const text = async (): Promise<string> => String(await evaluate('document.body?.innerText ?? ""'));
  const url = async (): Promise<string> => String(await evaluate('location.href'));
  /** Between two pages nothing can be asked. */
  const until = async (pattern: RegExp): Promise<void> => {
    const end = performance.now() + WAIT_MS;
    for (;;) {
      const seen = await Promise.all([url(), text()]).catch(() => ['']);
      if (seen.some((each) => pattern.test(each))) return;
      if (performance.now() > end) throw new Error(`the page never said ${pattern}: ${seen.join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return {
    complaints,
    text,
    url,
    until,
    open: async (address) => void (await call('Page.navigate', { url: address })),
    press: async (label) => {
      const found = await evaluate(
        `(() => { const found = [...document.querySelectorAll('button, a, summary')].find((each) => each.innerText.includes(${JSON.stringify(label)})); found?.click(); return found !== undefined; })()`,
      );
      if (found !== true) throw new Error(`nothing here says ${label}: ${await text()}`);
    },
    picture: async ({ isDark, width }) => {
      const metrics = { width, height: 800, deviceScaleFactor: 1, mobile: false };
      await call('Emulation.setDeviceMetricsOverride', metrics);
      const features = [{ name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' }];
      await call('Emulation.setEmulatedMedia', { features });
      const { data } = await call('Page.captureScreenshot', { captureBeyondViewport: true });
      return Buffer.from(data as string, 'base64');
    },
  };
}
