/** What a server that did not start has said on stderr, in a line: the error, and the first place in a file of one's own. */
import { fileURLToPath } from 'node:url';
import { oneLine } from './text.ts';

const PLACE = /(?<![\w:/\\.])(file:\/\/\/[^\s()]+?|(?:[A-Za-z]:[\\/]|\/)[^\s()]+?):(\d+)(?::\d+)?(?=\)|\s|$)/gm;
const ERROR = /^(?:Uncaught )?(\w*(?:Error|Exception)\b[^\n]*)/m;

/** `FILE:LINE: SyntaxError: …`; undefined where it names no error. */
export function failureText(stderr: string): string | undefined {
  const [, error] = ERROR.exec(stderr) ?? [];
  if (error === undefined) return undefined;
  const places = [...stderr.matchAll(PLACE)].map(([, file = '', line = '']) => `${pathOf(file)}:${line}`);
  const place = places.find((each) => !/[\\/]node_modules[\\/]/.test(each)) ?? places[0];
  return oneLine(place === undefined ? error : `${place}: ${error}`);
}

function pathOf(file: string): string {
  try {
    return file.startsWith('file:') ? fileURLToPath(file) : file;
  } catch {
    return file;
  }
}
