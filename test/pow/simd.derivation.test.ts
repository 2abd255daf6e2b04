// The arithmetic that src/pow/kernel/ rests on, against the index walk as TIP-12 tells it.
import { describe, expect, it } from 'vitest';

const stateTrits = 729;
const hashTrits = 243;
const places = Array.from({ length: stateTrits }, (_, index) => index);
const trits = [-1, 0, 1] as const;

type State = readonly number[];

/** S(a, b) of the specification, which the kernel calls T. */
function sBox(a: number, b: number): number {
  const table = [
    [1, 1, -1],
    [0, -1, 1],
    [-1, 0, 0],
  ];
  return table[a + 1]![b + 1]!;
}

/** The bits of a trit as the kernel codes it. */
function lowOf(trit: number): number {
  return Number(trit !== -1);
}

function highOf(trit: number): number {
  return Number(trit !== 1);
}

/** The cells that trit i of the next state is made of. */
function walk(): [number, number][] {
  let q = 0;
  return places.map(() => {
    const a = q;
    q += q < 365 ? 364 : -365;
    return [a, q];
  });
}

const readBy = walk();

function oneRound(state: State): State {
  return readBy.map(([a, b]) => sBox(state[a]!, state[b]!));
}

function rounds(state: State, count: number): State {
  return count === 0 ? state : rounds(oneRound(state), count - 1);
}

function modulo(value: number): number {
  return ((value % stateTrits) + stateTrits) % stateTrits;
}

function power(base: number, exponent: number): number {
  return exponent === 0 ? 1 : modulo(base * power(base, exponent - 1));
}

/** Any state will do; this one looks random. */
const someState: State = rounds(
  places.map((index) => trits[index % 3]!),
  5,
);

describe('Curl', () => {
  it('walks by 364 modulo 729, which is -1/2, and every round begins at 0', () => {
    expect(readBy).toEqual(places.map((i) => [modulo(364 * i), modulo(364 * (i + 1))]));
    expect(modulo(364 * -2)).toBe(1);
    expect(readBy.at(-1)![1]).toBe(0);
  });

  it('has an S-box of four operations on bits', () => {
    for (const a of trits) {
      for (const b of trits) {
        const high = lowOf(a) ^ (highOf(a) & (1 - highOf(b)));
        const low = highOf(a) ^ (lowOf(b) & high);
        const c = sBox(a, b);
        expect({ low, high }).toEqual({ low: lowOf(c), high: highOf(c) });
      }
    }
  });
});

describe('two rounds at once', () => {
  it('are made of four streams that are walked in order', () => {
    const z = (i: number): number => {
      const k = Math.floor(modulo(i) / 4);
      return someState[k + [0, 547, 365, 183][modulo(i) % 4]!]!;
    };
    const y = (i: number): number => sBox(z(i), z(i - 2));
    expect(rounds(someState, 2)).toEqual(places.map((i) => sBox(y(i), y(modulo(i + 1)))));
  });
});

describe('the rounds kept from batch to batch', () => {
  // Five trits of each of nonce bytes 1 to 5; a byte is six trits, the nonce begins at trit 192.
  const counterPlaces = places.filter((i) => i >= 198 && i < 228 && i % 6 < 5);

  it.each(counterPlaces)('change from trit %i on in one run that doubles', (place) => {
    let changed = new Set([place]);
    let first = place;
    let sBoxes = 0;
    for (let count = 2; count <= 512; count *= 2) {
      changed = new Set(places.filter((i) => readBy[i]!.some((cell) => changed.has(cell))));
      first = modulo(-2 * (first + count / 2) + 1);
      expect(changed).toEqual(new Set(places.slice(0, count).map((i) => modulo(first + i))));
      sBoxes += changed.size;
    }
    expect(sBoxes).toBe(1022);
  });

  it('cost with the pairs and the window 47 997 S-boxes a batch, not 59 049', () => {
    expect(1022 + 64 * stateTrits + 319).toBe(47_997);
    expect(81 * stateTrits).toBe(59_049);
  });
});

describe('the last eight rounds', () => {
  it.each([
    { wanted: 9, sBoxes: 319 },
    { wanted: 27, sBoxes: 463 },
  ])('depend on a window without gaps for $wanted trits', ({ wanted, sBoxes }) => {
    let needed = places.slice(hashTrits - wanted, hashTrits);
    let low = hashTrits - wanted;
    let high = hashTrits - 1;
    let count = 0;
    for (let round = 81; round > 73; round--) {
      // Trit i after this round stands at place w.
      const placed = needed.map((i) => modulo(power(-2, 81 - round) * i));
      expect(new Set(placed)).toEqual(new Set(places.slice(low, high + 1)));
      count += placed.length;
      const reach = (-2) ** (81 - round);
      if (reach > 0) high += reach;
      else low += reach;
      needed = [...new Set(needed.flatMap((i) => readBy[i]!))];
    }
    expect(count).toBe(sBoxes);
  });

  it.each([-128, 64, -32, 16, -8, 4, -2, 1])('reach %i places', (reach) => {
    // Trit i stands at place -2 * reach * i before the round, and at reach * i after it.
    const before = new Map(places.map((i) => [modulo(-2 * reach * i), someState[i]!]));
    for (const [i, trit] of oneRound(someState).entries()) {
      const w = reach * i;
      expect(trit).toBe(sBox(before.get(modulo(w))!, before.get(modulo(w + reach))!));
    }
  });

  it('begin by bringing the trits to their places', () => {
    expect(modulo(430 * 256)).toBe(1);
    expect(modulo(430 * -128)).toBe(364);
  });
});

describe('one hash alone', () => {
  it('is 81 turns of the whole state by 364, 364^2, ...', () => {
    let x = someState;
    for (let round = 1; round <= 81; round++) {
      const turn = power(364, round);
      x = places.map((w) => sBox(x[w]!, x[modulo(w + turn)]!));
    }
    expect(power(364, 81)).toBe(244);
    const hash = rounds(someState, 81);
    expect(places.map((i) => x[modulo(244 * i)])).toEqual(hash);
  });
});

describe('the counter', () => {
  it('comes to all 3^5 values by changing one trit to and fro', () => {
    const digits = [-1, -1, -1, -1, -1];
    const directions = [1, 1, 1, 1, 1];
    const seen = new Set([digits.join()]);
    for (let step = 1; step < 3 ** 5; step++) {
      let n = 0;
      for (let rest = step; rest % 3 === 0; rest /= 3) n++;
      digits[n]! += directions[n]!;
      if (digits[n] !== 0) directions[n] = -directions[n]!;
      seen.add(digits.join());
    }
    expect(seen.size).toBe(3 ** 5);
  });

  it('never leaves a byte', () => {
    const most = [1, 3, 9, 27, 81].reduce((sum, weight) => sum + weight);
    expect(most).toBe(121);
  });
});
