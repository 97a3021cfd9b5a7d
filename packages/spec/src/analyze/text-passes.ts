/** The passes that look at wording: duplication, ambiguity, underspecification. */
import type { Pass, RawFinding } from './finding.ts';
import { similarity, wordsOf } from './words.ts';

const NEAR = 0.7;
/** Beyond this many requirements only neighbours of the same words are compared. */
const MOST_PAIRS_OF = 600;

export const duplication: Pass = ({ spec }) => {
  const entries = [...spec.requirements, ...spec.criteria]
    .slice(0, MOST_PAIRS_OF)
    .map((entry) => ({ ...entry, words: wordsOf(entry.text) }));
  const found: RawFinding[] = [];
  for (const [index, a] of entries.entries()) {
    for (const b of entries.slice(index + 1)) {
      // No more words can be shared than the shorter one has.
      const most = Math.min(a.words.size, b.words.size) / Math.max(a.words.size, b.words.size);
      const alike = most < NEAR ? 0 : similarity(a.words, b.words);
      if (alike < NEAR) continue;
      found.push({
        category: 'Duplication',
        severity: alike > 0.9 ? 'HIGH' : 'MEDIUM',
        locations: [`spec.md:${a.line}`, `spec.md:${b.line}`],
        summary: `${a.id} and ${b.id} say nearly the same.`,
        recommendation: `Keep the clearer one, and let the tasks name it.`,
      });
    }
  }
  return found;
};

const VAGUE =
  /\b(fast|quick(?:ly)?|slow|scalable|secure(?:ly)?|intuitive|robust|user-friendly|easy|easily|simple|efficient(?:ly)?|modern|flexible|seamless(?:ly)?|reasonable|appropriate(?:ly)?|adequate(?:ly)?|as needed|and so on|etc)\b/i;
const OPEN = /\b(?:TODO|TBD|TKTK|FIXME|XXX)\b|\?\?\?|<placeholder>/;

export const ambiguity: Pass = ({ spec, plan, tasks }) => {
  const found: RawFinding[] = [];
  for (const { id, text, line } of [...spec.requirements, ...spec.criteria]) {
    const vague = VAGUE.exec(text)?.[1];
    if (vague === undefined || /\d/.test(text)) continue;
    found.push({
      category: 'Ambiguity',
      severity: /secur|fast|quick|slow|scal/i.test(vague) ? 'HIGH' : 'MEDIUM',
      locations: [`spec.md:${line}`],
      summary: `${id} says "${vague}" without a measure.`,
      recommendation: 'Name a number or an observable behaviour.',
    });
  }
  for (const [file, { outline }] of [
    ['spec.md', spec],
    ['plan.md', plan],
    ['tasks.md', tasks],
  ] as const) {
    for (const { text, number, code } of outline.lines) {
      const mark = code ? null : (/\[NEEDS CLARIFICATION/.exec(text) ?? OPEN.exec(text));
      if (mark === null) continue;
      found.push({
        category: 'Ambiguity',
        severity: 'HIGH',
        locations: [`${file}:${number}`],
        summary: `"${mark[0].replace('[', '')}" is still open.`,
        recommendation: 'Decide it (clarify_answer), and write the decision here.',
      });
    }
  }
  return found;
};

const lacking = (
  severity: RawFinding['severity'],
  location: string,
  summary: string,
  recommendation: string,
): RawFinding => ({ category: 'Underspecification', severity, locations: [location], summary, recommendation });

function thinRequirements({ spec }: Parameters<Pass>[0]): RawFinding[] {
  return spec.requirements.flatMap(({ id, text, line }) => {
    if (wordsOf(text).size < 2) {
      return [lacking('HIGH', `spec.md:${line}`, `${id} has no object or outcome.`, 'Say what is done with what.')];
    }
    if (/\b(?:MUST|SHALL|SHOULD|MAY|must|shall|should|may|can)\b/.test(text)) return [];
    return [lacking('LOW', `spec.md:${line}`, `${id} does not say how binding it is.`, 'Write MUST, SHOULD or MAY.')];
  });
}

/** Folders that tasks work in and the plan's structure does not show. */
function strangeFolders({ plan, tasks }: Parameters<Pass>[0]): RawFinding[] {
  const structure = plan.outline.lines.map(({ text }) => text).join('\n');
  const unknown = new Map<string, string[]>();
  const known = new Map<string, boolean>();
  const isKnown = (top: string): boolean => {
    const before = known.get(top);
    const isThere = before ?? structure.includes(top);
    if (before === undefined) known.set(top, isThere);
    return isThere;
  };
  for (const { id, paths } of tasks.tasks) {
    for (const path of paths) {
      const top = path.replace(/^\.\//, '').split('/')[0] ?? '';
      if (!path.includes('/') || isKnown(top)) continue;
      const ids = unknown.get(top);
      if (ids === undefined) unknown.set(top, [id]);
      else ids.push(id);
    }
  }
  const how = 'Add the folder to Project Structure, or correct the tasks.';
  return Array.from(unknown, ([top, ids]) =>
    lacking(
      'MEDIUM',
      'plan.md:0',
      `${ids.slice(0, 5).join(', ')} work in "${top}/", which the plan does not know.`,
      how,
    ),
  );
}

export const underspecification: Pass = (material) => {
  const { spec } = material;
  const broken = spec.problems
    .filter(({ rule }) => /story-|scenario-|section-|criterion-/.test(rule))
    .map(({ rule, line, message }) => {
      const severity = /section-|scenarios/.test(rule) ? 'HIGH' : 'MEDIUM';
      return lacking(severity, `spec.md:${line}`, message, 'Complete the specification (spec_write).');
    });
  const how = 'Add "### Edge Cases" with what can go wrong.';
  const edges = spec.edgeCases.length > 0 ? [] : [lacking('MEDIUM', 'spec.md:0', 'No edge cases are named.', how)];
  return [...thinRequirements(material), ...broken, ...edges, ...strangeFolders(material)];
};
