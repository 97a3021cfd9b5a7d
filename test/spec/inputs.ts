/** One valid call of every tool on the written sample: the documented input of DinCoder's 34 tools, and the least of the others. */
import { PLAN, SPEC, TASKS, CONSTITUTION } from '../../packages/spec/src/testing/sample.ts';
import type { Fields } from './support.ts';

/** DinCoder's tools by its documents, in an order in which each finds what it needs. */
export const DINCODER: readonly (readonly [name: string, args: Fields])[] = [
  ['test_echo', { message: 'hello' }],
  ['prereqs_check', { checkFor: { node: '>=20', npm: '>=9', git: true, customCommands: ['sh'] } }],
  [
    'constitution_create',
    {
      projectName: 'Notes',
      principles: ['Contract First: every endpoint MUST be described', 'Tests First: tests MUST come before code'],
      constraints: ['No cloud'],
      preferences: { libraries: ['zod'], patterns: ['ports'], style: 'plain' },
    },
  ],
  ['artifacts_read', { artifactType: 'all' }],
  [
    'spec_validate',
    {
      checks: { completeness: true, acceptanceCriteria: true, clarifications: true, prematureImplementation: true },
      specPath: 'specs/001-note-keeping/spec.md',
    },
  ],
  ['artifacts_analyze', { artifacts: ['spec', 'plan', 'tasks'] }],
  [
    'spec_lint',
    {
      specPath: 'specs/001-note-keeping/spec.md',
      autoFix: true,
      format: 'json',
      config: { proseRules: { passiveVoice: true } },
    },
  ],
  [
    'spec_refine',
    {
      section: 'edge-cases',
      changes: '- What happens when two members write at once?\n- What happens when the disk is full?',
      reason: 'asked',
      specPath: 'specs/001-note-keeping/spec.md',
    },
  ],
  [
    'clarify_add',
    {
      question: 'How long are notes kept?',
      context: 'Members are known already.',
      options: ['a year', 'for ever'],
      specPath: 'specs/001-note-keeping/spec.md',
    },
  ],
  ['clarify_list', { status: 'all' }],
  ['clarify_resolve', { clarificationId: 'CLARIFY-001', resolution: 'Notes are kept a year.', rationale: 'law' }],
  ['tasks_generate', { scope: 'MVP', planPath: 'specs/001-note-keeping/plan.md' }],
  ['tasks_tick', { taskId: 'T001', tasksPath: 'specs/001-note-keeping/tasks.md' }],
  [
    'tasks_tick_range',
    { taskIds: ['T002', 'T003-T004'], notes: 'done', strict: true, tasksPath: 'specs/001-note-keeping/tasks.md' },
  ],
  ['tasks_visualize', { format: 'graphviz', includeCompleted: true, groupByPhase: true, highlightCriticalPath: true }],
  [
    'tasks_filter',
    { status: 'pending', blocker: 'unblocked', priority: 'all', preset: 'next', sortBy: 'dependencies', limit: 5 },
  ],
  [
    'tasks_search',
    { query: 'note', searchFields: ['all'], caseSensitive: false, fuzzy: true, fuzzyThreshold: 60, limit: 10 },
  ],
  ['tasks_stats', { groupBy: 'all', includeCharts: true, showBlockers: true, showVelocity: true }],
  [
    'contracts_generate',
    {
      specPath: 'specs/001-note-keeping/spec.md',
      outputPath: 'specs/001-note-keeping/contracts/openapi.yaml',
      format: 'openapi',
      includeExamples: true,
    },
  ],
  ['templates_list', { includeCustom: true, category: 'all' }],
  [
    'templates_customize',
    {
      templateId: 'checklist-template',
      customizationPath: 'own.md',
      hooks: [{ type: 'before', script: 'touch pwned', description: 'x' }],
      variables: { team: 'notes' },
      extends: 'checklist-template',
    },
  ],
  ['research_append', { topic: 'Search', content: 'Full text of SQLite is enough.' }],
  ['metrics_report', { startDate: '2020-01-01', endDate: '2099-01-01', format: 'json' }],
  ['metrics_export', { outputPath: 'metrics.csv', format: 'csv', startDate: '2020-01-01', endDate: '2099-01-01' }],
  ['quality_format', { fix: false }],
  ['quality_lint', { fix: true }],
  ['quality_test', { coverage: true }],
  ['quality_security_audit', { fix: false }],
  ['quality_deps_update', { check: true }],
  ['quality_license_check', { allowedLicenses: ['MIT', 'Apache-2.0', 'BSD-3', 'BSD-2', 'ISC'] }],
  ['specify_start', { projectName: 'Reminders', agent: 'claude' }],
  ['specify_describe', { description: 'Members are reminded of notes' }],
  ['plan_create', { constraintsText: 'Node only', specPath: 'specs/002-reminders/spec.md' }],
  ['git_create_branch', { branchName: 'feature/notes', fromBranch: 'main' }],
];

/** The tools of today's workflow. */
const WORKFLOW: readonly (readonly [name: string, args: Fields])[] = [
  ['workflow_status', {}],
  ['step_begin', { step: 'plan' }],
  ['constitution_write', { content: CONSTITUTION }],
  ['feature_create', { description: 'Keep short notes', shortName: 'note-keeping', content: SPEC }],
  ['feature_use', { feature: '001' }],
  ['spec_write', { content: SPEC }],
  ['plan_write', { plan: PLAN, contracts: { 'a.yaml': 'openapi: 3.1.0\n' } }],
  [
    'checklist_write',
    {
      domain: 'security',
      items: [{ category: 'Limits', text: 'Is a limit defined for every input? [Completeness, Spec §FR-001]' }],
    },
  ],
  ['tasks_write', { content: TASKS }],
  ['clarify_scan', {}],
  ['clarify_ask', { question: 'How long?' }],
  [
    'clarify_answer',
    { question: 'How long?', answer: 'A year', add: { section: 'assumptions', text: 'Kept {answer}.' } },
  ],
  ['analyze', {}],
  ['implement_next', {}],
  ['implement_verify', {}],
  ['converge', { findings: [{ source: 'FR-003', gap: 'missing', severity: 'HIGH', work: 'Search in src/search.ts' }] }],
  ['tasks_to_issues', {}],
  ['undo', {}],
  ['packs_list', {}],
  ['dincoder_upgrade', {}],
];

export const VALID: ReadonlyMap<string, Fields> = new Map([...DINCODER, ...WORKFLOW]);
