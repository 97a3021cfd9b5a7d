/** Constitutions to begin with for four kinds of project: proposals a team makes its own. They keep to the grammar as they are. */

export interface ProjectTemplate {
  readonly id: 'web-app' | 'api-service' | 'mobile-app' | 'cli-tool';
  readonly title: string;
  readonly description: string;
  /** With the tokens `[PROJECT_NAME]`, `[RATIFICATION_DATE]` and `[LAST_AMENDED_DATE]` to fill. */
  readonly constitution: string;
}

type Rule = readonly [name: string, text: string];

function constitution(principles: readonly Rule[], sections: readonly Rule[]): string {
  const numerals = ['I', 'II', 'III', 'IV', 'V', 'VI'];
  const rules = principles.map(([name, text], index) => `### ${numerals[index]}. ${name}\n\n${text}\n`);
  const others = sections.map(([name, text]) => `## ${name}\n\n${text}\n`);
  const governance =
    'This text goes before habits and other documents. A change needs a reason, a review and a new version: MAJOR when a ' +
    'principle goes or turns, MINOR when one comes, PATCH for wording. Every plan MUST show how it keeps to each principle.';
  const version = '**Version**: 1.0.0 | **Ratified**: [RATIFICATION_DATE] | **Last Amended**: [LAST_AMENDED_DATE]';
  return [
    '# [PROJECT_NAME] Constitution\n',
    '## Core Principles\n',
    ...rules,
    ...others,
    '## Governance\n',
    `${governance}\n`,
    `${version}\n`,
  ].join('\n');
}

const TESTED: Rule = [
  'Tests come first',
  'A behaviour that the specification names MUST have an automatic test, written before the code and seen to fail.',
];
const SIMPLE: Rule = [
  'The simplest thing that serves',
  'A part, layer or dependency MUST be asked for by a requirement of today. What is more needs a reason in the plan.',
];

export const PROJECT_TEMPLATES: readonly ProjectTemplate[] = [
  {
    id: 'web-app',
    title: 'Web application',
    description: 'Pages in a browser with a server behind them',
    constitution: constitution(
      [
        [
          'Everybody can use it',
          'Every page MUST be usable by keyboard and screen reader (WCAG 2.2 AA) and on a small screen.',
        ],
        TESTED,
        [
          'Fast for people',
          'The main page MUST show its content within 2.5 s on a middling phone, and answer an action within 200 ms.',
        ],
        [
          'Input is hostile',
          'What comes from a browser MUST be checked on the server; output MUST be escaped where it is shown.',
        ],
        SIMPLE,
      ],
      [
        [
          'Technology',
          'Supported browsers are the last two versions of the common ones. Secrets MUST stay out of the pages.',
        ],
        ['Way of working', 'A change is reviewed by a second person and shown in a browser before it is merged.'],
      ],
    ),
  },
  {
    id: 'api-service',
    title: 'API service',
    description: 'A service other programs call over the network',
    constitution: constitution(
      [
        [
          'The contract comes first',
          'An endpoint MUST be described in a contract before it is built, and MUST answer as described.',
        ],
        TESTED,
        [
          'Nobody is broken',
          'A change that breaks callers MUST come under a new version; the old one stays for a time told in advance.',
        ],
        [
          'One can see inside',
          'Every request MUST leave a structured log line with its id, its duration and no secret.',
        ],
        SIMPLE,
      ],
      [
        ['Security', 'Every endpoint MUST say who may call it. Inputs MUST have limits of size, number and time.'],
        ['Way of working', 'Contract, code and tests change together in one review.'],
      ],
    ),
  },
  {
    id: 'mobile-app',
    title: 'Mobile application',
    description: 'An application on phones and tablets',
    constitution: constitution(
      [
        [
          'It works without a network',
          'What was seen once MUST be there offline; what is done offline MUST arrive later, once.',
        ],
        TESTED,
        [
          'Battery and data are the user’s',
          'Work in the background MUST be asked for by the user, and SHOULD wait for power and Wi-Fi.',
        ],
        [
          'The platform’s manners',
          'Navigation, text sizes and permissions MUST follow the platform. A permission is asked for when it is needed.',
        ],
        SIMPLE,
      ],
      [
        [
          'Privacy',
          'Data of the user MUST stay on the device unless a requirement says otherwise, and MUST be encrypted there.',
        ],
        ['Way of working', 'A change is tried on the oldest supported device before it is released.'],
      ],
    ),
  },
  {
    id: 'cli-tool',
    title: 'Command-line tool',
    description: 'A program for terminals and scripts',
    constitution: constitution(
      [
        [
          'Made for pipes',
          'Results MUST go to stdout, messages to stderr, and the exit code MUST say whether it worked.',
        ],
        TESTED,
        ['No surprises', 'What destroys something MUST ask first or need a flag, and MUST offer a dry run.'],
        ['Errors help', 'An error MUST say what is wrong, where, and what to do next.'],
        SIMPLE,
      ],
      [
        ['Compatibility', 'Flags and machine-readable output keep their meaning within a MAJOR version.'],
        ['Way of working', 'The help text changes in the same review as the flag it describes.'],
      ],
    ),
  },
];
