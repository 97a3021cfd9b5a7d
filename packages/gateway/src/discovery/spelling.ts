/**
 * English words in the form by which others are found: one spelling of what is spelled in two ways, and the base of what is no base
 * by its endings. Lower case in, lower case out; a word of neither kind comes back as it is.
 */

const IRREGULAR: ReadonlyMap<string, string> = new Map(
  (
    'written:write wrote:write sent:send taken:take took:take drawn:draw drew:draw chosen:choose chose:choose found:find made:make ' +
    'got:get gotten:get bought:buy sold:sell spent:spend built:build shown:show gone:go went:go given:give gave:give known:know ' +
    'ran:run held:hold kept:keep left:leave lost:lose met:meet paid:pay said:say told:tell thought:think brought:bring begun:begin ' +
    'began:begin broken:break broke:break driven:drive drove:drive eaten:eat ate:eat fallen:fall fell:fall flown:fly hidden:hide ' +
    'seen:see saw:see spoken:speak spoke:speak stolen:steal sung:sing worn:wear won:win hung:hang stuck:stick ' +
    'children:child people:person men:man women:woman indices:index matrices:matrix vertices:vertex analyses:analysis ' +
    'theses:thesis criteria:criterion phenomena:phenomenon feet:foot lives:life knives:knife halves:half leaves:leaf ' +
    'centre:center metre:meter litre:liter theatre:theater grey:gray catalogue:catalog dialogue:dialog programme:program licence:license ' +
    'defence:defense cheque:check tyre:tire aeroplane:airplane'
  )
    .split(' ')
    .map((pair) => pair.split(':') as [string, string]),
);

/** British endings, long enough to be none by chance. */
const ISE = /^(.{3,})is(e|ed|es|er|ers|ing|able|ation|ations)$/;
const YSE = /^(.{2,}l)ys(e|ed|es|er|ers|ing)$/;
const OUR = /^(arm|behavi|col|endeav|fav|flav|glam|harb|hon|hum|lab|neighb|od|rum|sav|tum|val|vap|vig)our/;

export function spelled(word: string): string {
  const base = IRREGULAR.get(word);
  if (base !== undefined) return base;
  return word.replace(ISE, '$1iz$2').replace(YSE, '$1yz$2').replace(OUR, '$1or');
}
