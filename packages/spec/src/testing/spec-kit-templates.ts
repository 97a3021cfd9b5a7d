/** Templates as spec-kit 1.0 sets them up, instructions, samples and all: its form, in words of our own. */

const SPEC_TEMPLATE = `# Feature Specification: [FEATURE NAME]

**Feature Branch**: \`[###-feature-name]\`

**Created**: [DATE]

**Status**: Draft

**Input**: User description: "$ARGUMENTS"

## User Scenarios & Testing *(mandatory)*

<!--
  NOTE: stories are ordered by value, P1 first.
  - [ ] this is not a checklist
-->

### User Story 1 - [Brief Title] (Priority: P1)

[The journey in plain words]

**Why this priority**: [Its worth]

**Independent Test**: [How it is shown alone]

**Acceptance Scenarios**:

1. **Given** [initial state], **When** [action], **Then** [expected outcome]

---

[Add more user stories as needed, each with an assigned priority]

### Edge Cases

- What happens when [boundary condition]?

## Requirements *(mandatory)*

### Functional Requirements

- **FR-001**: System MUST [specific capability]

*Example of marking unclear requirements:*

- **FR-002**: System MUST keep records for [NEEDS CLARIFICATION: period not given]

### Key Entities *(include if feature involves data)*

- **[Entity 1]**: [What it stands for]

## Success Criteria *(mandatory)*

### Measurable Outcomes

- **SC-001**: [Measurable metric]

## Assumptions

- [Assumption about the users]
`;

const PLAN_TEMPLATE = `# Implementation Plan: [FEATURE]

**Branch**: \`[###-feature-name]\` | **Date**: [DATE] | **Spec**: [link]
**Input**: Feature specification from \`/specs/[###-feature-name]/spec.md\`

**Note**: A command fills this in.

## Summary

[Requirement and approach]

## Technical Context

**Language/Version**: [e.g., Python 3.13 or NEEDS CLARIFICATION]  
**Primary Dependencies**: [e.g., FastAPI or NEEDS CLARIFICATION]  
**Storage**: [if applicable, e.g., files or N/A]  
**Testing**: [e.g., pytest or NEEDS CLARIFICATION]  
**Target Platform**: [e.g., Linux server or NEEDS CLARIFICATION]
**Project Type**: [e.g., library/cli/web-service or NEEDS CLARIFICATION]  
**Performance Goals**: [domain-specific or NEEDS CLARIFICATION]  
**Constraints**: [domain-specific or NEEDS CLARIFICATION]  
**Scale/Scope**: [domain-specific or NEEDS CLARIFICATION]

## Constitution Check

*GATE: Must pass before Phase 0 research. Re-check after Phase 1 design.*

[Gates determined based on constitution file]

## Project Structure

### Documentation (this feature)

\`\`\`text
specs/[###-feature]/
├── plan.md
└── tasks.md
\`\`\`

### Source Code (repository root)

\`\`\`text
# [REMOVE IF UNUSED] Option 1: Single project (DEFAULT)
src/
tests/
\`\`\`

**Structure Decision**: [Document the selected structure]

## Complexity Tracking

> **Fill ONLY if Constitution Check has violations that must be justified**

| Violation | Why Needed | Simpler Alternative Rejected Because |
|-----------|------------|-------------------------------------|
| [e.g., 4th project] | [current need] | [why 3 projects insufficient] |
`;

const TASKS_TEMPLATE = `---

description: "Task list template for feature implementation"
---

# Tasks: [FEATURE NAME]

**Input**: Design documents from \`/specs/[###-feature-name]/\`

## Format: \`[ID] [P?] [Story] Description\`

- **[P]**: Can run in parallel
- **[Story]**: Which user story this task belongs to (e.g., US1, US2)

## Phase 1: Setup (Shared Infrastructure)

- [ ] T001 Create project structure per implementation plan

## Phase 3: User Story 1 - [Title] (Priority: P1) 🎯 MVP

- [ ] T012 [P] [US1] Create [Entity1] model in src/models/[entity1].py

## Phase N: Polish & Cross-Cutting Concerns

- [ ] TXXX [P] Documentation updates in docs/
`;

const CONSTITUTION_TEMPLATE = `# [PROJECT_NAME] Constitution
<!-- Example: Ledger Constitution -->

## Core Principles

### [PRINCIPLE_1_NAME]
<!-- Example: I. Library-First -->
[PRINCIPLE_1_DESCRIPTION]

## [SECTION_2_NAME]
[SECTION_2_CONTENT]

## Governance
[GOVERNANCE_RULES]

**Version**: [CONSTITUTION_VERSION] | **Ratified**: [RATIFICATION_DATE] | **Last Amended**: [LAST_AMENDED_DATE]
<!-- Example: Version: 2.1.1 | Ratified: 2025-06-13 | Last Amended: 2025-07-16 -->
`;

/** By their path in the project. */
export const KIT_TEMPLATES: Readonly<Record<string, string>> = {
  '.specify/templates/spec-template.md': SPEC_TEMPLATE,
  '.specify/templates/plan-template.md': PLAN_TEMPLATE,
  '.specify/templates/tasks-template.md': TASKS_TEMPLATE,
  '.specify/templates/constitution-template.md': CONSTITUTION_TEMPLATE,
};
