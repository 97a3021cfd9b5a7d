/**
 * The templates of the five main artifacts. Headings, fields, ids and bracketed tokens are those of spec-kit 1.0, so that its
 * own tool reads what grows out of them; the words are ours. The tasks template holds no sample tasks, for samples get kept.
 */

export const CONSTITUTION_TEMPLATE = `# [PROJECT_NAME] Constitution

## Core Principles

### [PRINCIPLE_1_NAME]

[PRINCIPLE_1_DESCRIPTION]

### [PRINCIPLE_2_NAME]

[PRINCIPLE_2_DESCRIPTION]

### [PRINCIPLE_3_NAME]

[PRINCIPLE_3_DESCRIPTION]

<!-- As many principles as the project has, each with what it demands (MUST) or prefers (SHOULD) and why. -->

## [SECTION_2_NAME]

[SECTION_2_CONTENT]

## [SECTION_3_NAME]

[SECTION_3_CONTENT]

## Governance

[GOVERNANCE_RULES]

<!-- Who may change this text, how a change is decided, and how it is checked that the work keeps to it. -->

**Version**: [CONSTITUTION_VERSION] | **Ratified**: [RATIFICATION_DATE] | **Last Amended**: [LAST_AMENDED_DATE]
`;

export const SPEC_TEMPLATE = `# Feature Specification: [FEATURE NAME]

**Feature Branch**: \`[###-feature-name]\`
**Created**: [DATE]
**Status**: Draft
**Input**: User description: "$ARGUMENTS"

## User Scenarios & Testing *(mandatory)*

<!-- Stories in order of value. Each can be built, tested and shown alone: with story 1 only, somebody is served already. -->

### User Story 1 - [Brief Title] (Priority: P1)

[Who does what, and what they get from it, in plain words]

**Why this priority**: [What is lost without it]

**Independent Test**: [What one does, and sees, when only this story is there]

**Acceptance Scenarios**:

1. **Given** [a state], **When** [an action], **Then** [what can be observed]

### Edge Cases

- [What happens at a limit, on an error, or when two do it at once]

## Requirements *(mandatory)*

### Functional Requirements

- **FR-001**: System MUST [one ability that a test can show]

### Key Entities *(include if feature involves data)*

- **[Entity]**: [What it stands for, and what is known of it, without saying how it is stored]

## Success Criteria *(mandatory)*

### Measurable Outcomes

- **SC-001**: [An outcome for users with a number, without naming a technology]

## Assumptions

- [What was taken for granted where the description was silent]
`;

export const PLAN_TEMPLATE = `# Implementation Plan: [FEATURE]

**Branch**: \`[###-feature-name]\` | **Date**: [DATE] | **Spec**: [link]
**Input**: Feature specification from \`specs/[###-feature-name]/spec.md\`

## Summary

[What the feature is for, and the way it will be built]

## Technical Context

**Language/Version**: [with its version, or NEEDS CLARIFICATION]
**Primary Dependencies**: [libraries and frameworks, or NEEDS CLARIFICATION]
**Storage**: [databases or files, or N/A]
**Testing**: [the test tools, or NEEDS CLARIFICATION]
**Target Platform**: [where it runs, or NEEDS CLARIFICATION]
**Project Type**: [library, command-line tool, web service, web application, mobile application]
**Performance Goals**: [numbers of this domain, or NEEDS CLARIFICATION]
**Constraints**: [limits it has to keep, or NEEDS CLARIFICATION]
**Scale/Scope**: [how many users, records, screens, or NEEDS CLARIFICATION]

## Constitution Check

*GATE: passed before research begins, and again after the design.*

- [Principle of the constitution]: [PASS, or FAIL with a row in Complexity Tracking]

## Project Structure

### Documentation (this feature)

\`\`\`text
specs/[###-feature]/
├── plan.md
├── research.md
├── data-model.md
├── quickstart.md
├── contracts/
└── tasks.md
\`\`\`

### Source Code (repository root)

\`\`\`text
[The real folders of this project]
\`\`\`

**Structure Decision**: [Which folders hold what, and why]

## Complexity Tracking

*Only for gates that fail and are justified.*

| Violation | Why Needed | Simpler Alternative Rejected Because |
|-----------|------------|--------------------------------------|
`;

export const TASKS_TEMPLATE = `# Tasks: [FEATURE NAME]

**Input**: Design documents from \`specs/[###-feature-name]/\`
**Prerequisites**: plan.md, spec.md

**Tests**: [Whether tests are asked for, and by what]

## Format: \`[ID] [P?] [Story] Description\`

- **[P]**: may run beside its neighbours: another file, and nothing unfinished it waits for
- **[Story]**: the user story it belongs to, such as US1
- Every description names the file it works on; \`(depends on T001)\` names what it waits for beyond its place in the list

## Phase 1: Setup (Shared Infrastructure)

**Purpose**: [What every story needs to exist at all]

## Phase 2: Foundational (Blocking Prerequisites)

**Purpose**: [What must be complete before the first story can begin]

## Phase 3: User Story 1 - [Title] (Priority: P1)

**Goal**: [What this story gives]

**Independent Test**: [How it is shown to work alone]

## Phase N: Polish & Cross-Cutting Concerns

**Purpose**: [What touches several stories]

## Dependencies & Execution Order

[Which phase waits for which]

## Parallel Example: User Story 1

[Which tasks can be done at once]

## Implementation Strategy

[What is delivered first, and where one stops to look]
`;

export const CHECKLIST_TEMPLATE = `# [CHECKLIST TYPE] Checklist: [FEATURE NAME]

**Purpose**: [What this checklist looks for]
**Created**: [DATE]
**Feature**: [Link to spec.md]

<!-- Questions about the text, not about the program: "Are limits named for …? [Completeness, Spec §FR-001]". The reviewer ticks. -->

## [Category]

- [ ] CHK001 [Question about the specification] [Completeness, Spec §FR-001]

## Notes

- [Findings, with the item they belong to]
`;
