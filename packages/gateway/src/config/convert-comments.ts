/** A configuration as YAML, with a word before the keys that need one. */
import { Document, isMap, isScalar, isSeq, type Node } from 'yaml';
import type { Finding } from './schema-parts.ts';

/** `comments` stand at paths of `value`; several at one path stand below each other. */
export function commented(value: unknown, comments: readonly Finding[]): string {
  const document = new Document(value);
  for (const { path, message } of comments) {
    const last = path.at(-1);
    const parent: unknown = path.length < 2 ? document.contents : document.getIn(path.slice(0, -1), true);
    const node = isMap<Node>(parent)
      ? parent.items.find(({ key }) => isScalar(key) && key.value === last)?.key
      : isSeq<Node>(parent) && typeof last === 'number'
        ? parent.items[last]
        : undefined;
    if (node === undefined) continue;
    const before = typeof node.commentBefore === 'string' ? `${node.commentBefore}\n` : '';
    node.commentBefore = `${before} ${message}`;
  }
  return document.toString({ lineWidth: 0, singleQuote: true });
}
