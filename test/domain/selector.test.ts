import { selectorProblem } from '../../src/domain/selector.ts';

const WITHOUT_TYPE = 'a selector is written type:value';
const BAD_TYPE = 'the type of a selector holds only a-z, 0-9, ".", "-" and "_"';

describe('a selector', () => {
  test.each([
    'unix:uid:1000',
    'k8s_psat:ns:prod',
    '2.x-y_z:1',
    `${'t'.repeat(64)}:v`,
    'a::',
    'oidc:gh:ref:refs/heads/main',
    'docker:label:Größe: 10',
    // 1024 octets, not letters
    `a:${'é'.repeat(511)}`,
  ])('may be %s', (selector) => {
    expect(selectorProblem(selector)).toBeUndefined();
  });

  test.each([
    ['empty', '', WITHOUT_TYPE],
    ['without a colon', 'unix', WITHOUT_TYPE],
    ['without a type', ':uid:1000', WITHOUT_TYPE],
    ['a type in upper case', 'Unix:uid:1000', BAD_TYPE],
    ['a type with a space', 'unix :uid', BAD_TYPE],
    ['a type with a line break', 'unix\n:uid', BAD_TYPE],
    ['a type that starts with a dot', '.unix:uid', BAD_TYPE],
    ['a type outside ASCII', 'unıx:uid', BAD_TYPE],
    ['a type of 65', `${'t'.repeat(65)}:v`, BAD_TYPE],
    ['without a value', 'unix:', 'the value of a selector is empty'],
    ['more than 1024 octets', `a:${'é'.repeat(512)}`, 'a selector has at most 1024 bytes'],
    ['a line break at the end', 'unix:uid:1000\n', 'a selector holds a control character'],
    ['a NUL', 'unix:uid:1\0', 'a selector holds a control character'],
    ['a control character above ASCII', 'unix:\u0085', 'a selector holds a control character'],
    ['half of a surrogate pair', 'unix:\ud800', 'a selector holds half of a surrogate pair'],
  ])('is refused: %s', (_, selector, problem) => {
    expect(selectorProblem(selector)).toBe(problem);
  });
});
