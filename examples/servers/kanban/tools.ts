/** The board as tools: twenty of them, each a line or two over `board.ts`. */
import { ToolError, type Context, type McpServer, type ToolAnnotations } from '@sallyport/server';
import * as z from 'zod';
import { BoardError, type Boards } from './board.ts';

const READS: ToolAnnotations = { readOnlyHint: true, openWorldHint: false };
const ADDS: ToolAnnotations = { readOnlyHint: false, destructiveHint: false, openWorldHint: false };
const SETS: ToolAnnotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};
const REMOVES: ToolAnnotations = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: true,
  openWorldHint: false,
};

const name = z.string().min(1).max(200);
const newName = name.describe('The new name');
const text = z.string().max(10_000);
const boardId = z.int().describe('Id of the board');
const columnId = z.int().describe('Id of the column');
const cardId = z.int().describe('Id of the card');
const tag = z
  .string()
  .regex(/^[\p{L}\p{N}-]{1,40}$/u)
  .describe('A word');
const position = z.int().min(0).default(10_000).describe('From 0; absent: last');

type Add = <Shape extends z.ZodRawShape>(
  tool: string,
  description: string,
  annotations: ToolAnnotations,
  shape: Shape,
  act: (params: z.output<z.ZodObject<Shape>>, context: Context) => unknown,
) => void;

export function addTools(server: McpServer, boards: Boards): void {
  const add: Add = (tool, description, annotations, shape, act) => {
    const inputSchema = z.strictObject(shape);
    server.addTool({ name: tool, description, annotations, inputSchema }, async (params, context) => {
      try {
        return (await act(params, context)) ?? 'Done.';
      } catch (error) {
        // What the board says of a mistake is for the caller to read.
        throw error instanceof BoardError ? new ToolError(error.message) : error;
      }
    });
  };
  addBoardTools(add, boards);
  addColumnTools(add, boards);
  addCardTools(add, boards);
  addCardMarks(add, boards);
}

function addBoardTools(add: Add, boards: Boards): void {
  add('list_boards', 'Lists the boards with their ids.', READS, {}, () =>
    boards.all.map(({ id, name: called, columns }) => ({ id, name: called, columns: columns.length })),
  );
  add('get_board', 'Gives a board with its columns and cards.', READS, { id: boardId }, ({ id }) => boards.board(id));
  const columns = z.array(name).max(20).default(['To do', 'Doing', 'Done']).describe('Names, from left to right');
  add('create_board', 'Makes a board with columns.', ADDS, { name: name.describe('Of the board'), columns }, (params) =>
    boards.addBoard(params.name, params.columns),
  );
  add('rename_board', 'Gives a board another name.', SETS, { id: boardId, name: newName }, (params) => {
    boards.changeBoard(params.id, (board) => (board.name = params.name));
  });
  add(
    'delete_board',
    'Deletes a board with all that is on it, once the person has agreed.',
    REMOVES,
    { id: boardId },
    async ({ id }, { elicit }) => {
      const board = boards.board(id);
      const requestedSchema = z.object({ sure: z.boolean() });
      const answer = await elicit({ message: `Delete the board “${board.name}”?`, requestedSchema });
      if (answer.action !== 'accept' || !answer.content.sure) return 'It was not deleted.';
      boards.removeBoard(id);
      return 'Deleted.';
    },
  );
  add('board_stats', 'Counts the cards of a board by column, tag and assignee.', READS, { id: boardId }, ({ id }) => {
    const board = boards.board(id);
    const cards = board.columns.flatMap((column) => column.cards);
    return {
      columns: board.columns.map((column) => ({ name: column.name, cards: column.cards.length })),
      tags: counted(cards.flatMap((card) => card.tags)),
      assignees: counted(cards.map((card) => card.assignee ?? 'nobody')),
    };
  });
}

function addColumnTools(add: Add, boards: Boards): void {
  add('add_column', 'Adds a column at the right of a board.', ADDS, { board: boardId, name }, (params) =>
    boards.addColumn(params.board, params.name),
  );
  add('rename_column', 'Gives a column another name.', SETS, { id: columnId, name: newName }, (params) => {
    boards.changeColumn(params.id, (column) => (column.name = params.name));
  });
  add('move_column', 'Moves a column on its board.', SETS, { id: columnId, position }, (params) => {
    boards.moveColumn(params.id, params.position);
  });
  add('delete_column', 'Deletes an empty column.', REMOVES, { id: columnId }, ({ id }) => boards.removeColumn(id));
}

function addCardTools(add: Add, boards: Boards): void {
  const cardText = text.default('').describe('What is to be done, in full');
  add(
    'add_card',
    'Adds a card at the end of a column.',
    ADDS,
    { column: columnId, title: name.describe('A line'), text: cardText },
    (params) => boards.addCard(params.column, params.title, params.text),
  );
  add('get_card', 'Gives a card, and where it is.', READS, { id: cardId }, ({ id }) => {
    const { board, card, column } = boards.card(id);
    return { ...card, board: board.name, column: column.name };
  });
  const changes = {
    title: name.optional().describe('Absent: as it is'),
    text: text.optional().describe('Absent: as it is'),
  };
  add('edit_card', 'Changes title or text of a card.', SETS, { id: cardId, ...changes }, (params) => {
    boards.changeCard(params.id, (card) => {
      card.title = params.title ?? card.title;
      card.text = params.text ?? card.text;
    });
  });
  add(
    'move_card',
    'Moves a card to a column, also of another board.',
    SETS,
    { id: cardId, column: columnId, position },
    (params) => {
      boards.moveCard(params.id, params.column, params.position);
    },
  );
  add('delete_card', 'Deletes a card.', REMOVES, { id: cardId }, ({ id }) => boards.removeCard(id));
}

function addCardMarks(add: Add, boards: Boards): void {
  const assignee = name.optional().describe('Absent: nobody');
  add('assign_card', 'Says who does it.', SETS, { id: cardId, assignee }, (params) => {
    boards.changeCard(params.id, (card) => (card.assignee = params.assignee));
  });
  add('tag_card', 'Puts a tag on a card.', SETS, { id: cardId, tag }, (params) => {
    boards.changeCard(params.id, (card) => (card.tags = [...new Set([...card.tags, params.tag])].slice(0, 20)));
  });
  add('untag_card', 'Takes a tag off a card.', SETS, { id: cardId, tag }, (params) => {
    boards.changeCard(params.id, (card) => (card.tags = card.tags.filter((each) => each !== params.tag)));
  });
  add(
    'comment_card',
    'Writes a comment below a card, as who calls.',
    ADDS,
    { id: cardId, text: text.min(1).describe('The comment') },
    (params, { user }) => {
      boards.changeCard(params.id, ({ comments }) => {
        if (comments.length >= 200) throw new BoardError('A card has 200 comments at most.');
        comments.push({ by: user.id, text: params.text });
      });
    },
  );
  const words = z.string().min(1).max(200).describe('In title, text or tags');
  add('search_cards', 'Finds cards by words, a hundred at most.', READS, { words }, (params) => {
    const wanted = params.words.toLowerCase();
    return boards.all
      .flatMap((board) => board.columns.flatMap((column) => column.cards.map((card) => ({ board, column, card }))))
      .filter(({ card }) => [card.title, card.text, ...card.tags].some((each) => each.toLowerCase().includes(wanted)))
      .slice(0, 100)
      .map(({ board, card, column }) => ({ id: card.id, title: card.title, board: board.name, column: column.name }));
  });
}

function counted(words: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(words, (word) => word)].map(([word, all]) => [word, all.length]));
}
