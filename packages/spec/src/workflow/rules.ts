/**
 * What a model is told before each step: what to read, what to write, and the rules the server will hold it to. The words are
 * ours; the steps and limits are those of spec-kit 1.0.
 */

export const STEPS = [
  'constitution',
  'specify',
  'clarify',
  'plan',
  'checklist',
  'tasks',
  'analyze',
  'implement',
  'converge',
  'taskstoissues',
] as const;

export type Step = (typeof STEPS)[number];

export interface StepRules {
  readonly goal: string;
  readonly rules: readonly string[];
  /** The tools that end the step. */
  readonly tools: readonly string[];
  /** The template to fill, if the step has one. */
  readonly template: string | undefined;
  readonly next: readonly Step[];
}

export const STEP_RULES: Readonly<Record<Step, StepRules>> = {
  constitution: {
    goal: 'The principles of the project, which every later step is checked against.',
    rules: [
      'Take what is known from the user and the repository; ask for what is not. Leave no [TOKEN].',
      'A principle says what MUST or SHOULD be, so that one can see whether it was kept.',
      'Version: MAJOR when a principle goes or turns, MINOR when a principle or section comes, PATCH for wording.',
      'Keep the date of ratification; "Last Amended" is today when anything changed. Dates are YYYY-MM-DD.',
      'Only the constitution is changed. What else the user wishes (features, code) is told under "Next Actions", not done.',
      'The sync report on top is written by the server: leave it out.',
    ],
    tools: ['constitution_write'],
    template: 'constitution-template',
    next: ['specify'],
  },
  specify: {
    goal: 'What a feature is for and what it must do, in the words of its users.',
    rules: [
      'Say WHAT and WHY, never HOW: no languages, frameworks, interfaces or code.',
      'Choose a short name of two to four words, such as "user-login".',
      'Stories have priorities and each stands alone: built and tested by itself it is worth something.',
      'Every requirement FR-001… can be tested; every criterion SC-001… has a number and names no technology.',
      'Guess where a guess is reasonable and note it under Assumptions. At most three [NEEDS CLARIFICATION: question].',
      'Optional sections that do not apply are left out. No checklist inside.',
      'After writing, correct what the requirements checklist finds; three rounds at most, then tell the user what is left.',
    ],
    tools: ['feature_create', 'spec_write'],
    template: 'spec-template',
    next: ['clarify', 'plan'],
  },
  clarify: {
    goal: 'The open decisions that would change the work, settled before the plan.',
    rules: [
      'Ask one question at a time, five at most in all; never show the next ones.',
      'A question has two to five options with a recommended one, or asks for five words at most.',
      'Ask only what changes architecture, data, tests, behaviour, operation or compliance.',
      'Each answer is noted under Clarifications AND worked into the section it belongs to; what it contradicts is replaced.',
      'Stop when the user says so, or when nothing of weight is open.',
    ],
    tools: ['clarify_scan', 'clarify_ask', 'clarify_answer'],
    template: undefined,
    next: ['plan'],
  },
  plan: {
    goal: 'How the feature will be built, checked against the constitution.',
    rules: [
      'Fill all nine fields of the technical context; N/A where one does not apply.',
      'Every principle of the constitution is a gate with PASS, or FAIL and a whole row in Complexity Tracking.',
      'Research: every unknown becomes a decision with rationale and alternatives; nothing stays NEEDS CLARIFICATION.',
      'Design: data model from the entities, a contract for every interface to the outside, a quickstart that shows each story.',
      'Check the gates again after the design. Write no tasks.',
    ],
    tools: ['plan_write', 'contracts_generate'],
    template: 'plan-template',
    next: ['checklist', 'tasks'],
  },
  checklist: {
    goal: 'Questions that test the specification as a text, the way unit tests test code.',
    rules: [
      'Ask about the text ("Is … defined for …?"), not about the program ("Does the button work?").',
      'Each question carries a tag: [Completeness], [Clarity], [Consistency], [Coverage], [Measurability], [Spec §FR-001], [Gap]…',
      'Items are added with ids that go on counting, and unticked: a reviewer ticks them.',
    ],
    tools: ['checklist_write'],
    template: 'checklist-template',
    next: ['tasks'],
  },
  tasks: {
    goal: 'A list of tasks that can be worked off in order.',
    rules: [
      'Every line: "- [ ] T001 [P] [US1] what to do in path/to/file (depends on T000)". [P] and dependencies only where true.',
      'Phase 1 Setup, phase 2 Foundational, then a phase per story in the order of priority, Polish last.',
      'Tasks of a story phase carry [USn]; tasks of Setup, Foundational and Polish carry none.',
      'Tests only where the specification or the user asks for them, and then before the code.',
      'No sample task stays. A task can be done without asking back.',
    ],
    tools: ['tasks_write'],
    template: 'tasks-template',
    next: ['analyze', 'implement'],
  },
  analyze: {
    goal: 'Contradictions and gaps between constitution, specification, plan and tasks. Nothing is changed.',
    rules: [
      'Look at what the server found, and add what only a reader sees.',
      'A breach of the constitution is critical: the plan changes, not the principle.',
      'Offer corrections; make them only when the user agrees.',
    ],
    tools: ['analyze'],
    template: undefined,
    next: ['implement'],
  },
  implement: {
    goal: 'The tasks, done in their order and ticked.',
    rules: [
      'If a checklist is not complete, stop and ask the user whether to go on.',
      'Work phase by phase. Tasks of one batch may be done beside each other; tests come before what they test.',
      'Tick a task when it is done, not before. Stop at the first failure of a task that others wait for.',
      'At the end check the work against the specification and the plan.',
    ],
    tools: ['implement_next', 'tasks_tick', 'implement_verify'],
    template: undefined,
    next: ['converge'],
  },
  converge: {
    goal: 'What the code still lacks against specification, plan and constitution, as new tasks.',
    rules: [
      'Look at the present code in the files that plan and tasks name. Do not compare versions.',
      'Each finding is missing, partial, contradicts or unrequested, and names its source: FR-001, SC-001, US1/AC2, plan: …, Constitution: ….',
      'Tasks are only appended. With no finding nothing is written at all.',
    ],
    tools: ['converge'],
    template: undefined,
    next: ['implement'],
  },
  taskstoissues: {
    goal: 'A list of issues for the tracker, one per open task.',
    rules: [
      'Only for repositories on GitHub. Look up the titles of existing issues first and pass them.',
      'The server makes the list and creates nothing.',
    ],
    tools: ['tasks_to_issues'],
    template: undefined,
    next: [],
  },
};
