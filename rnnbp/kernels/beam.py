"""Prefix beam search: the likeliest labels of logits, with a language model and a lexicon.

What is searched and how it is scored is said in `rnnbp.decoding.beam_search`. Prefixes are nodes of a tree, each of
which knows its last label and its parent; the beam is a list of nodes, the best first. At a step, a prefix l of the
beam has the probabilities b (of paths that end in a blank) and nb (in its last label e)::

    stays       b'(l)  = y(blank) (b(l) + nb(l))
                nb'(l) = y(e) nb(l)  +  y(e) (b(p) + nb(p)  or, if p ends in e too, b(p))      from its parent p
    extended    nb'(lc) = y(c) (b(l) + nb(l)  or, if l ends in c, b(l))      where lc is not in the beam

All are logarithms, and -1e30 is that of 0. The best prefixes are kept in a heap whose first one is the worst; what
cannot get in, even if the language model were sure of it, is not scored by it.
"""

from __future__ import annotations

from rnnbp.kernels.language import exp, floats, ints, log
from rnnbp.kernels.records import Record

__all__ = ["BeamRecord", "LanguageModelRecord", "TrieRecord", "beam", "floats_needed", "ints_needed"]

LOG_ZERO = -1e30
DEAD = -1e29
OUTSIDE = -1  # of the trie: a word that it does not have
NOTHING = -1


class LanguageModelRecord(Record):
    """An n-gram model as an automaton.

    State s has the arcs from ``first[s]`` to ``first[s + 1]``, sorted by token, each with a log-probability and the
    next state. A token without an arc costs `backoff` and is looked for in the state `lower`; state 0 has none.
    """

    first: ints
    tokens: ints
    log_p: floats
    next: ints
    backoff: floats
    lower: ints
    start: int
    end: int
    unknown: int
    log_unknown: float


class TrieRecord(Record):
    """Words as a tree of labels: node 0 is its root; arcs as above. `word` is the token of the word that ends there."""

    first: ints
    labels: ints
    next: ints
    word: ints


class BeamRecord(Record):
    """Log-probabilities of classes, sequence k in the rows from ``starts[k]`` to ``starts[k + 1]``, and the search.

    If `spelled`, labels spell words with `separator` between them; else each label is the token that `tokens` says.
    `open` allows words that the trie does not have. The best `n_best` prefixes of each sequence are written to `labels`
    (`room` of them each), `counts` and `scores`.
    """

    log_p: floats
    starts: ints
    n_sequences: int
    n_classes: int
    blank: int
    width: int
    least: float
    margin: float
    has_model: int
    model: LanguageModelRecord
    weight: float
    bonus: float
    tokens: ints
    spelled: int
    separator: int
    trie: TrieRecord
    open: int
    n_best: int
    room: int
    labels: ints
    counts: ints
    scores: floats
    ints: ints
    ints_size: int
    floats: floats
    floats_size: int
    n_shares: int


def ints_needed(n_steps: int, width: int, n_classes: int) -> int:
    """Return how many whole numbers a share needs."""
    return 7 * (n_steps * width + 1) + 5 * width * (n_classes + 1) + (n_classes + 4) * width + 2


def floats_needed(n_steps: int, width: int, n_classes: int) -> int:
    """Return how many numbers a share needs."""
    return n_steps * width + 1 + 4 * width * (n_classes + 1) + 6 * width


def beam(r: BeamRecord, share: int):
    """Search every n-th sequence, where n is the number of shares."""
    for k in range(share, r.n_sequences, r.n_shares):
        _search(r, k, r.ints + share * r.ints_size, r.floats + share * r.floats_size)


def _search(r: BeamRecord, k: int, whole: ints, real: floats):
    """Find the best prefixes of one sequence."""
    n_steps, width, classes, blank = r.starts[k + 1] - r.starts[k], r.width, r.n_classes, r.blank
    nodes, room = n_steps * width + 1, width * (classes + 1)
    parent, label, child, sibling = whole, whole + nodes, whole + 2 * nodes, whole + 3 * nodes
    state, trie, place = whole + 4 * nodes, whole + 5 * nodes, whole + 6 * nodes
    c_parent, c_label = whole + 7 * nodes, whole + (7 * nodes + room)
    c_state, c_trie, heap = c_label + room, c_label + 2 * room, c_label + 3 * room
    members, joined, following = heap + width, heap + 2 * width, heap + (2 * width + width * classes)
    found = following + width
    lm, c_lm, c_b, c_nb = real, real + nodes, real + (nodes + room), real + (nodes + 2 * room)
    key = real + (nodes + 3 * room)
    b, nb, total = key + room, key + (room + width), key + (room + 2 * width)
    next_b, next_nb = total + width, total + 2 * width

    parent[0], label[0], child[0], sibling[0], place[0] = NOTHING, NOTHING, NOTHING, NOTHING, NOTHING
    state[0], trie[0], lm[0] = (r.model.start if r.has_model > 0 else 0), 0, 0.0
    members[0], b[0], nb[0] = 0, 0.0, LOG_ZERO
    n, n_nodes = 1, 1
    for t in range(n_steps):
        y = r.log_p + (r.starts[k] + t) * classes
        for i in range(n):
            place[members[i]] = i
            total[i] = _add(b[i], nb[i])
            for c in range(classes):
                joined[i * classes + c] = 0
        n_heap = 0
        for i in range(n):  # what stays
            node = members[i]
            e, p = label[node], parent[node]
            c_b[i], c_nb[i], c_lm[i] = total[i] + y[blank], LOG_ZERO, lm[node]
            if node > 0:
                c_nb[i] = nb[i] + y[e]
                j = place[p]
                if j >= 0:
                    joined[j * classes + e] = 1
                    c_nb[i] = _add(c_nb[i], y[e] + (b[j] if label[p] == e else total[j]))
            key[i] = _add(c_b[i], c_nb[i]) + c_lm[i]
            n_heap = _push(heap, key, n_heap, i)
        n_candidates = n
        for i in range(n):  # what is extended
            node = members[i]
            for c in range(classes):
                if c != blank and y[c] >= r.least and joined[i * classes + c] == 0:
                    of_paths = y[c] + (b[i] if c == label[node] else total[i])
                    bound = of_paths + lm[node] + max(r.bonus, 0.0)
                    if bound > DEAD and (n_heap < width or bound > key[heap[0]]):
                        gain = _extend(r, state[node], trie[node], c, found)
                        score = of_paths + lm[node] + gain
                        if score > DEAD and (n_heap < width or score > key[heap[0]]):
                            at = n_candidates
                            c_parent[at], c_label[at], c_state[at], c_trie[at] = node, c, found[0], found[1]
                            c_b[at], c_nb[at], c_lm[at], key[at] = LOG_ZERO, of_paths, lm[node] + gain, score
                            n_candidates += 1
                            if n_heap < width:
                                n_heap = _push(heap, key, n_heap, at)
                            else:
                                heap[0] = at
                                _sink(heap, key, 0, n_heap)
        for i in range(n):
            place[members[i]] = NOTHING
        count = n_heap
        while n_heap > 1:  # sort them: the best first
            n_heap -= 1
            heap[0], heap[n_heap] = heap[n_heap], heap[0]
            _sink(heap, key, 0, n_heap)
        least = key[heap[0]] - r.margin
        kept = 0
        for i in range(count):
            at = heap[i]
            if key[at] >= least:
                if at < n:
                    node = members[at]
                else:
                    node = child[c_parent[at]]
                    while node >= 0 and label[node] != c_label[at]:
                        node = sibling[node]
                    if node < 0:
                        node = n_nodes
                        n_nodes += 1
                        parent[node], label[node], child[node] = c_parent[at], c_label[at], NOTHING
                        sibling[node], child[c_parent[at]], place[node] = child[c_parent[at]], node, NOTHING
                        state[node], trie[node], lm[node] = c_state[at], c_trie[at], c_lm[at]
                following[kept], next_b[kept], next_nb[kept] = node, c_b[at], c_nb[at]
                kept += 1
        for i in range(kept):
            members[i], b[i], nb[i] = following[i], next_b[i], next_nb[i]
        n = kept

    n_heap = 0
    for i in range(n):
        node = members[i]
        key[i] = _add(b[i], nb[i]) + lm[node] + _finish(r, state[node], trie[node], found)
        n_heap = _push(heap, key, n_heap, i)
    while n_heap > 1:
        n_heap -= 1
        heap[0], heap[n_heap] = heap[n_heap], heap[0]
        _sink(heap, key, 0, n_heap)
    for i in range(r.n_best):
        at = k * r.n_best + i
        r.counts[at] = NOTHING
        if i < n:
            node, length = members[heap[i]], 0
            r.scores[at] = key[heap[i]]
            while node > 0:
                length += 1
                node = parent[node]
            r.counts[at], node = length, members[heap[i]]
            for back in range(length):
                r.labels[at * r.room + length - 1 - back] = label[node]
                node = parent[node]


def _add(a: float, b: float) -> float:
    """Return log(e^a + e^b)."""
    high, low = max(a, b), min(a, b)
    return high + log(1.0 + exp(low - high))


def _push(heap: ints, key: floats, n: int, new: int) -> int:
    """Add a candidate to a heap, and return how many there are."""
    at = n
    while at > 0 and key[heap[(at - 1) // 2]] > key[new]:
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = new
    return n + 1


def _sink(heap: ints, key: floats, at: int, n: int):
    """Move a candidate down to its place, among n of them."""
    moved, going = heap[at], 1
    while going > 0:
        below = 2 * at + 1
        if below + 1 < n and key[heap[below + 1]] < key[heap[below]]:
            below += 1
        if below < n and key[heap[below]] < key[moved]:
            heap[at] = heap[below]
            at = below
        else:
            going = 0
    heap[at] = moved


def _find(values: ints, first: int, stop: int, wanted: int) -> int:
    """Return where a value stands among sorted ones, or -1."""
    low, high = first, stop
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < stop and values[low] == wanted else -1


def _log_probability(m: LanguageModelRecord, state: int, token: int, found: ints) -> float:
    """Return what a token costs in a state, and write the next state to ``found[0]``."""
    score, s = 0.0, state
    at = _find(m.tokens, m.first[s], m.first[s + 1], token)
    while at < 0 and s > 0:
        score += m.backoff[s]
        s = m.lower[s]
        at = _find(m.tokens, m.first[s], m.first[s + 1], token)
    if at < 0:
        found[0] = 0
        score += m.log_unknown
    else:
        found[0] = m.next[at]
        score += m.log_p[at]
    return score


def _token(r: BeamRecord, state: int, token: int, found: ints) -> float:
    """Return the gain of a token, and write the next state to ``found[0]``."""
    found[0] = state
    gain = r.bonus
    if r.has_model > 0:
        gain += r.weight * _log_probability(r.model, state, token, found)
    return gain


def _word(r: BeamRecord, state: int, node: int, found: ints) -> float:
    """Return the gain of the word that ends at a node of the trie; -1e30 if none does."""
    word = r.trie.word[node] if node >= 0 else NOTHING
    if word >= 0:
        return _token(r, state, word, found)
    if r.open > 0:
        return _token(r, state, r.model.unknown if r.has_model > 0 else 0, found)
    return LOG_ZERO


def _extend(r: BeamRecord, state: int, node: int, label: int, found: ints) -> float:
    """Return what a label adds to the score, and write the next state and node of the trie to `found`."""
    found[0], found[1] = state, node
    if r.spelled == 0:
        return _token(r, state, r.tokens[label], found)
    if label == r.separator:
        found[1] = 0
        return LOG_ZERO if node == 0 else _word(r, state, node, found)
    if node >= 0:
        at = _find(r.trie.labels, r.trie.first[node], r.trie.first[node + 1], label)
        if at < 0 and r.open == 0:
            return LOG_ZERO
        found[1] = r.trie.next[at] if at >= 0 else OUTSIDE
    return 0.0


def _finish(r: BeamRecord, state: int, node: int, found: ints) -> float:
    """Return what the end adds: that of the last word, and of the end of a text."""
    found[0] = state
    gain = 0.0
    if r.spelled > 0 and node != 0:
        gain = _word(r, state, node, found)
    if r.has_model > 0 and gain > DEAD:
        gain += r.weight * _log_probability(r.model, found[0], r.model.end, found)
    return gain
