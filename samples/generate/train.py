#!/usr/bin/env python3
"""Trains the language model that ships with octavo and writes it as a GGUF file.

    python3 train.py --minutes 7 --out octavo-tiny.gguf --report train.json moby_dick.txt tinyshakespeare.txt

Needs Python, NumPy and PyTorch (1.13 or 2.x), nothing else; without a GPU it runs too, slowly.

The texts are about 2.3 MB, so a model of five million parameters memorises them within a minute on a large GPU: the
time is spent against overfitting, in three stages.
  1. alone     the small model by itself: dropout, weight decay, weight averaging (EMA), randomised tokenisation.
  2. teachers  some wider models, each with its own seed and regularisation.
  3. student   the small model again, fitted to the mean prediction of all of these (distillation).
Each stage keeps the weights of its lowest validation loss, and whichever small model is best is written. Each text ends
in a validation part, which decides when to stop, and a test part, which nothing but the final figures ever sees.

Everything is bounded by the wall clock (--minutes, counted from the start of the script), and a finished file is on
disk after stage 1: what fails later costs quality, not the model.
"""
import argparse
import copy
import heapq
import json
import math
import os
import random
import re
import struct
import sys
import time
import traceback
import unicodedata

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

STARTED = time.time()
BOS_TEXT = "<|endoftext|>"
ALIGNMENT = 32  # bytes, of tensor data in the file
Q8_BLOCK = 32   # values that share one scale
Q8_BYTES = 34   # bytes of a block: an f16 scale and 32 int8


def log(text):
    print("[%6.1f s] %s" % (time.time() - STARTED, text), flush=True)


# ---------------------------------------------------------------------------------------------------------------- text

def read_text(path):
    """One text, without Project Gutenberg's frame, in plain ASCII punctuation."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read().replace("\r\n", "\n").replace("\r", "\n")
    begin = re.search(r"\*\*\* ?START OF (THE|THIS) PROJECT GUTENBERG.*?\*\*\*", text, re.S)
    end = re.search(r"\*\*\* ?END OF (THE|THIS) PROJECT GUTENBERG", text)
    text = text[begin.end() if begin else 0:end.start() if end else len(text)]
    for old, new in (("\u2014", "--"), ("\u2013", "-"), ("\u2018", "'"), ("\u2019", "'"), ("\u201c", '"'),
                     ("\u201d", '"'), ("\u2026", "..."), ("\u00a0", " "), ("\ufeff", ""), ("\t", " "), ("_", "")):
        text = text.replace(old, new)
    text = re.sub(r"[ ]+\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def split_text(text, held_out):
    """(train, validation, test): the last `held_out` of the text in two halves, cut between paragraphs."""
    def cut(position):
        found = text.find("\n\n", position)
        return found + 2 if 0 <= found < position + 20000 else position
    first = cut(int(len(text) * (1 - held_out)))
    second = max(first, cut(int(len(text) * (1 - held_out / 2))))
    return text[:first], text[first:second], text[second:]


# ----------------------------------------------------------------------------------------------------------- tokenizer

def unicode_class(letter):
    """Inside of a regular expression's character class: all code points of general category L* or N*."""
    ranges = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] == letter:
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join("\\U%08x-\\U%08x" % (low, high) for low, high in ranges)


def pretokenizer():
    """GPT-2's expression; `re` has no \\p{L}, so the classes are written out."""
    letters, numbers = unicode_class("L"), unicode_class("N")
    return re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[%s]+| ?[%s]+| ?[^\s%s%s]+|\s+(?!\S)|\s+"
                      % (letters, numbers, letters, numbers))


def byte_alphabet():
    """GPT-2's printable character for each byte, in the order of its first 256 tokens: [(byte, character)]."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return [(b, chr(b)) for b in plain] + [(b, chr(256 + i)) for i, b in enumerate(rest)]


class Tokenizer:
    """Byte-level BPE: 256 bytes, then merges, then one control token that begins every text."""

    def __init__(self, counts, size):
        """`counts`: pre-token -> occurrences in the training text."""
        alphabet = byte_alphabet()
        self.tokens = [character for _, character in alphabet]
        self.byte_id = {byte: i for i, (byte, _) in enumerate(alphabet)}
        self.char_byte = {character: byte for byte, character in alphabet}
        self.merges = []  # (left text, right text), in order of rank
        self.ranks = {}   # (left id, right id) -> (rank, merged id)
        self.learn(counts, size - 1)
        self.bos = len(self.tokens)
        self.tokens.append(BOS_TEXT)

    def learn(self, counts, size):
        words = [[self.byte_id[b] for b in word.encode("utf-8")] for word in counts]
        weights = list(counts.values())
        totals, where = {}, {}
        for index, word in enumerate(words):
            for pair in zip(word, word[1:]):
                totals[pair] = totals.get(pair, 0) + weights[index]
                where.setdefault(pair, set()).add(index)
        heap = [(-total, pair) for pair, total in totals.items()]
        heapq.heapify(heap)
        ids = {text: i for i, text in enumerate(self.tokens)}
        while heap and len(self.tokens) < size:
            total, pair = heapq.heappop(heap)
            if totals.get(pair, 0) != -total or total == 0:
                continue  # an outdated entry: the current one is elsewhere in the heap
            text = self.tokens[pair[0]] + self.tokens[pair[1]]
            if text not in ids:
                ids[text] = len(self.tokens)
                self.tokens.append(text)
            self.ranks[pair] = (len(self.merges), ids[text])
            self.merges.append((self.tokens[pair[0]], self.tokens[pair[1]]))
            changed = set()
            for index in where.pop(pair):
                old = words[index]
                new, i = [], 0
                while i < len(old):
                    if i + 1 < len(old) and (old[i], old[i + 1]) == pair:
                        new.append(ids[text])
                        i += 2
                    else:
                        new.append(old[i])
                        i += 1
                for sign, word in ((-1, old), (1, new)):
                    for other in zip(word, word[1:]):
                        totals[other] = totals.get(other, 0) + sign * weights[index]
                        changed.add(other)
                        if sign > 0:
                            where.setdefault(other, set()).add(index)
                words[index] = new
            totals.pop(pair, None)
            for other in changed:
                if totals.get(other, 0) > 0:
                    heapq.heappush(heap, (-totals[other], other))

    def encode_word(self, word, skip=0.0, rng=None):
        """Token ids of one pre-token; with `skip` each possible merge is passed over with that probability."""
        ids = [self.byte_id[b] for b in word.encode("utf-8")]
        while len(ids) > 1:
            best = None
            for i in range(len(ids) - 1):
                rank = self.ranks.get((ids[i], ids[i + 1]))
                if rank and (best is None or rank < best[0]) and not (skip and rng.random() < skip):
                    best = (rank, i)
            if best is None:
                break
            ids[best[1]:best[1] + 2] = [best[0][1]]
        return ids

    def encode(self, text, pattern):
        return [i for word in pattern.findall(text) for i in self.encode_word(word)]

    def decode(self, ids):
        data = bytes(self.char_byte[c] for i in ids if i != self.bos for c in self.tokens[i])
        return data.decode("utf-8", errors="replace")


class Segments:
    """Several tokenisations of every pre-token, so that whole texts are retokenised at random by NumPy alone."""

    def __init__(self, tokenizer, counts, skip, rng):
        self.index = {}
        flat, starts, lengths, first, number = [], [], [], [], []
        for word, count in counts.items():
            self.index[word] = len(first)
            first.append(len(starts))
            tries = 0 if skip <= 0 else min(24, max(2, count))
            variants = [tokenizer.encode_word(word)]
            variants += [tokenizer.encode_word(word, skip, rng) for _ in range(tries)]
            for ids in variants:
                starts.append(len(flat))
                lengths.append(len(ids))
                flat += ids
            number.append(len(variants))
        self.flat, self.starts, self.lengths, self.first, self.number = (
            np.array(a, dtype=np.int64) for a in (flat, starts, lengths, first, number))

    def stream(self, words, generator=None):
        """Token ids of the pre-token numbers `words`; random tokenisations if a generator is given."""
        chosen = self.first[words]
        if generator is not None:
            chosen = chosen + (generator.random(len(words)) * self.number[words]).astype(np.int64)
        lengths = self.lengths[chosen]
        before = np.cumsum(lengths) - lengths
        return self.flat[np.repeat(self.starts[chosen] - before, lengths) + np.arange(lengths.sum())]


# ---------------------------------------------------------------------------------------------------------------- data

class Data:
    """Token streams on the device. A batch's rows are windows that begin with BOS, half of them at a paragraph."""

    def __init__(self, texts, args, device):
        parts = [split_text(text, args.held_out) for text in texts]
        pattern = pretokenizer()
        words = [pattern.findall(part[0]) for part in parts]
        counts = {}
        for text in words:
            for word in text:
                counts[word] = counts.get(word, 0) + 1
        self.tokenizer = Tokenizer(counts, args.vocab)
        log("tokenizer: %d tokens, %d merges, %d distinct pre-tokens" %
            (len(self.tokenizer.tokens), len(self.tokenizer.merges), len(counts)))
        segments = Segments(self.tokenizer, counts, args.token_dropout, random.Random(args.seed))
        numbers = [np.array([segments.index[w] for w in text], dtype=np.int64) for text in words]
        generator = np.random.default_rng(args.seed)
        self.context, self.device, self.pattern = args.context, device, pattern
        self.plain = self.collect([segments.stream(n) for n in numbers])
        self.varied = self.plain
        if args.token_dropout > 0:
            self.varied = self.collect([segments.stream(n, generator) for _ in range(args.variants) for n in numbers])
        self.train_tokens = int(sum(len(segments.stream(n)) for n in numbers))
        self.train_bytes = sum(len(part[0].encode("utf-8")) for part in parts)
        self.validation = [self.held_out_windows(part[1]) for part in parts]
        self.test = [self.held_out_windows(part[2]) for part in parts]
        log("train: %d bytes, %d tokens (%.2f bytes per token); randomised copies: %d tokens" %
            (self.train_bytes, self.train_tokens, self.train_bytes / self.train_tokens, len(self.varied[0])))

    def collect(self, streams):
        """(tokens, starts, paragraph starts) of streams laid one after another; no window crosses two streams."""
        newline = self.tokenizer.byte_id[10]
        starts, paragraphs, base = [], [], 0
        for stream in streams:
            last = len(stream) - self.context
            if last <= 0:
                sys.exit("a text has fewer tokens (%d) than the context (%d)" % (len(stream), self.context))
            after = np.flatnonzero((stream[1:-1] == newline) & (stream[2:] != newline)) + 2
            starts.append(np.arange(base, base + last))
            paragraphs.append(after[after < last] + base)
            base += len(stream)
        begin = np.concatenate(starts)
        natural = np.concatenate(paragraphs)
        natural = natural if len(natural) else begin
        return tuple(torch.from_numpy(a.astype(np.int64)).to(self.device)
                     for a in (np.concatenate(streams), begin, natural))

    def batch(self, rows, varied):
        """(input, target), both [rows, context]; `varied` is the share of rows with randomised tokenisation."""
        count = int(round(rows * varied))
        pieces = []
        for number, (tokens, begin, natural) in ((rows - count, self.plain), (count, self.varied)):
            if number:
                half = number // 2
                pick = torch.cat([begin[torch.randint(len(begin), (number - half,), device=self.device)],
                                  natural[torch.randint(len(natural), (half,), device=self.device)]])
                pieces.append(tokens[pick[:, None] + torch.arange(self.context, device=self.device)])
        target = torch.cat(pieces)
        first = torch.full((rows, 1), self.tokenizer.bos, dtype=torch.long, device=self.device)
        return torch.cat([first, target[:, :-1]], 1), target

    def held_out_windows(self, text):
        """(input, target with -100 where not counted, bytes, tokens): every token once, with half a context before."""
        ids = self.tokenizer.encode(text, self.pattern)
        stride = max(1, self.context // 2)
        inputs, targets = [], []
        for begin in range(0, max(1, len(ids) - stride), stride):
            window = ids[begin:begin + self.context]
            known = 0 if begin == 0 else self.context - stride
            pad = self.context - len(window)
            inputs.append([self.tokenizer.bos] + window[:-1] + [0] * pad)
            targets.append([-100] * min(known, len(window)) + window[known:] + [-100] * pad)
        return (torch.tensor(inputs, device=self.device), torch.tensor(targets, device=self.device),
                len(text.encode("utf-8")), len(ids))


# --------------------------------------------------------------------------------------------------------------- model

class Shape:
    def __init__(self, vocab, width, layers, heads, kv_heads, head_dim, ffn, context, rope_base=10000.0, epsilon=1e-5):
        self.vocab, self.width, self.layers, self.heads, self.kv_heads = vocab, width, layers, heads, kv_heads
        self.head_dim, self.ffn, self.context, self.rope_base, self.epsilon = head_dim, ffn, context, rope_base, epsilon
        for name, value in (("width", width), ("ffn", ffn), ("heads * head_dim", heads * head_dim)):
            if value % Q8_BLOCK:
                sys.exit("%s is %d, not a multiple of %d" % (name, value, Q8_BLOCK))
        if heads % kv_heads:
            sys.exit("%d heads are not a multiple of %d KV heads" % (heads, kv_heads))


class Norm(nn.Module):
    def __init__(self, width, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x):
        wide = x.float()
        return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight).to(x.dtype)


def attend_by_hand(q, k, v, dropout):
    scores = (q @ k.transpose(-1, -2)).float() / math.sqrt(q.shape[-1])
    future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
    weights = F.dropout(scores.masked_fill(future, float("-inf")).softmax(-1), dropout)
    return weights.to(v.dtype) @ v


def attend_fused(q, k, v, dropout):
    return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)


ATTEND = attend_by_hand  # replaced by choose_attention where PyTorch has something faster


class Block(nn.Module):
    def __init__(self, shape, dropout):
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.attn_norm, self.ffn_norm = Norm(shape.width, shape.epsilon), Norm(shape.width, shape.epsilon)
        query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        self.attn_q = nn.Linear(shape.width, query, bias=False)
        self.attn_k = nn.Linear(shape.width, key, bias=False)
        self.attn_v = nn.Linear(shape.width, key, bias=False)
        self.attn_output = nn.Linear(query, shape.width, bias=False)
        self.ffn_gate = nn.Linear(shape.width, shape.ffn, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.ffn, bias=False)
        self.ffn_down = nn.Linear(shape.ffn, shape.width, bias=False)

    def forward(self, x, cosine, sine):
        rows, length, _ = x.shape
        shape, drop = self.shape, self.dropout if self.training else 0.0

        def rotate(heads):
            """Pairs (2i, 2i+1), as the llama architecture has them in GGUF; heads [rows, length, heads, head_dim]."""
            pairs = heads.float().view(rows, length, -1, shape.head_dim // 2, 2)
            even, odd = pairs[..., 0], pairs[..., 1]
            turned = torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1)
            return turned.view(rows, length, -1, shape.head_dim).to(heads.dtype)

        y = self.attn_norm(x)
        q = rotate(self.attn_q(y).view(rows, length, shape.heads, shape.head_dim))
        k = rotate(self.attn_k(y).view(rows, length, shape.kv_heads, shape.head_dim))
        v = self.attn_v(y).view(rows, length, shape.kv_heads, shape.head_dim)
        group = shape.heads // shape.kv_heads
        k, v = (t.repeat_interleave(group, 2) if group > 1 else t for t in (k, v))
        out = ATTEND(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), drop)
        out = self.attn_output(out.transpose(1, 2).reshape(rows, length, -1))
        x = x + F.dropout(out, drop, self.training)
        y = self.ffn_norm(x)
        y = self.ffn_down(F.dropout(F.silu(self.ffn_gate(y)) * self.ffn_up(y), drop / 2, self.training))
        return x + F.dropout(y, drop, self.training)


class Model(nn.Module):
    """Llama architecture with tied embeddings; parameters are named as the tensors of the file."""

    def __init__(self, shape, dropout):
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.token_embd = nn.Embedding(shape.vocab, shape.width)
        self.blk = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.output_norm = Norm(shape.width, shape.epsilon)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                into_residual = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(weight, std=0.02 / (math.sqrt(2 * shape.layers) if into_residual else 1))
        frequency = shape.rope_base ** (-torch.arange(0, shape.head_dim, 2).float() / shape.head_dim)
        angle = torch.arange(shape.context).float()[:, None] * frequency
        self.register_buffer("cosine", angle.cos()[:, None, :], persistent=False)  # [context, 1, head_dim / 2]
        self.register_buffer("sine", angle.sin()[:, None, :], persistent=False)

    def forward(self, ids):
        cosine, sine = self.cosine[:ids.shape[1]], self.sine[:ids.shape[1]]
        x = F.dropout(self.token_embd(ids), self.dropout / 2, self.training)
        for block in self.blk:
            x = block(x, cosine, sine)
        return F.linear(self.output_norm(x), self.token_embd.weight)


# ------------------------------------------------------------------------------------------------------------ training

def autocast(device):
    wanted = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted)


def choose_attention(device, shape):
    """Takes PyTorch's fused attention if a forward and backward pass of it works here and agrees."""
    global ATTEND
    try:
        q, k, v = (torch.randn(1, shape.heads, 256, shape.head_dim, device=device, requires_grad=True)
                   for _ in range(3))
        with autocast(device):
            out = attend_fused(q, k, v, 0.0)
            attend_fused(q.bfloat16(), k.bfloat16(), v.bfloat16(), 0.1).float().sum().backward()
        difference = (out.float() - attend_by_hand(q, k, v, 0.0)).abs().max().item()
        if difference > 0.05:
            raise RuntimeError("it differs by %g" % difference)
        ATTEND = attend_fused
        log("attention: PyTorch's fused one")
    except Exception as error:
        log("attention: written out (%s: %s)" % (type(error).__name__, str(error)[:100]))


def optimizer_of(net, learning_rate, weight_decay, device):
    matrices = [w for n, w in net.named_parameters() if w.dim() == 2 and n != "token_embd.weight"]
    groups = [{"params": matrices, "weight_decay": weight_decay},
              {"params": [net.token_embd.weight], "weight_decay": weight_decay / 4},
              {"params": [w for w in net.parameters() if w.dim() == 1], "weight_decay": 0.0}]
    if device.type == "cuda":
        try:
            return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), eps=1e-8, fused=True)
        except Exception as error:
            log("no fused AdamW: %s" % error)
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), eps=1e-8)


@torch.no_grad()
def total_loss(net, windows, device, rows=16, exact=False):
    """Sum of the negative log-likelihood (nats) over one held-out part."""
    was_training, total = net.training, 0.0
    net.eval()
    for begin in range(0, len(windows[0]), rows):
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=False) if exact else autocast(device):
            logits = net(windows[0][begin:begin + rows])
        total += F.cross_entropy(logits.float().flatten(0, 1), windows[1][begin:begin + rows].flatten(),
                                 ignore_index=-100, reduction="sum").item()
    net.train(was_training)
    return total


def mean_loss(net, parts, device):
    """Nats per token over several held-out parts."""
    return sum(total_loss(net, part, device) for part in parts) / max(1, sum(part[3] for part in parts))


def figures(net, parts, names, device):
    rows = {}
    sums = [(total_loss(net, part, device, exact=True), part[2], part[3]) for part in parts]
    for name, (nats, size, tokens) in zip([*names, "all"], [*sums, tuple(map(sum, zip(*sums)))]):
        rows[name] = {"bytes": size, "tokens": tokens, "nats_per_token": round(nats / max(1, tokens), 4),
                      "bits_per_byte": round(nats / math.log(2) / max(1, size), 4)}
    return rows


def train_stage(name, net, data, args, device, learning_rate, weight_decay, epochs, seconds, teachers=()):
    """Trains `net` for at most `epochs` and `seconds`. Returns (best averaged model, what happened)."""
    begun, rows = time.time(), max(1, args.batch_tokens // args.context)
    steps = max(20, int(epochs * data.train_tokens / (rows * args.context)))
    average = copy.deepcopy(net).eval()
    best, best_loss, best_progress, best_epoch = copy.deepcopy(net.state_dict()), float("inf"), 0.0, 0.0
    forward = net
    if args.compile and not teachers:
        try:
            forward = torch.compile(net)
            with autocast(device):
                forward(data.batch(rows, 0.5)[0]).float().mean().backward()
        except Exception as error:
            log("torch.compile does not work here: %s" % str(error)[:200])
            forward = net
    optimizer = optimizer_of(net, learning_rate, weight_decay, device)
    log("%s: %.2f M parameters, dropout %.2f, weight decay %.2f, at most %d steps (%.0f epochs) or %.0f s" %
        (name, sum(w.numel() for w in net.parameters()) / 1e6, net.dropout, weight_decay, steps, epochs, seconds))
    summed, since, step, rate = torch.zeros((), device=device), 0, 0, 0.0
    last_check, last_line, reason = time.time(), 0.0, "end of schedule"
    net.train()
    while True:
        progress = max((time.time() - begun) / max(1e-3, seconds), step / steps)
        if progress >= 1.0:
            break
        warm = min(1.0, (step + 1) / min(150, 1 + steps // 10))
        rate = learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        ids, target = data.batch(rows, 0.6 * max(0.0, 1 - progress / 0.8))
        with autocast(device):
            logits = forward(ids).float()
            loss = F.cross_entropy(logits.flatten(0, 1), target.flatten())
            report = loss.detach()
            if teachers:
                with torch.no_grad():
                    goal = sum(t(ids).float().softmax(-1) for t in teachers) / len(teachers)
                soft = -(goal * logits.log_softmax(-1)).sum(-1).mean()
                loss = args.distill * soft + (1 - args.distill) * loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step, since, summed = step + 1, since + 1, summed + report
        decay = min((1 + step) / (10 + step), 1 - 1 / 200)
        with torch.no_grad():
            mean, now = list(average.parameters()), list(net.parameters())
            torch._foreach_mul_(mean, decay)
            torch._foreach_add_(mean, now, alpha=1 - decay)

        enough_steps = step % max(1, steps // 80) == 0
        if (enough_steps and time.time() - last_check > 0.25) or time.time() - last_check > max(2.0, seconds / 20):
            progress = max((time.time() - begun) / max(1e-3, seconds), step / steps)
            held_out = mean_loss(average, data.validation, device)
            epoch = step * rows * args.context / data.train_tokens
            train_loss = summed.item() / since
            speed = since * rows * args.context / max(1e-3, time.time() - last_check)
            summed, since, last_check = torch.zeros((), device=device), 0, time.time()
            if held_out < best_loss:
                best_loss, best_progress, best_epoch = held_out, progress, epoch
                best = copy.deepcopy(average.state_dict())
            if time.time() - last_line > 8.0:
                last_line = time.time()
                log("%s: step %d, epoch %.1f, train %.4f, validation %.4f (best %.4f), rate %.2e, %.0f tokens/s" %
                    (name, step, epoch, train_loss, held_out, best_loss, rate, speed))
            if not math.isfinite(train_loss) or not math.isfinite(held_out):
                reason = "loss not finite"
                break
            if progress - best_progress > 0.15 and held_out > best_loss * 1.004:
                reason = "validation loss rises"
                break
    if step and reason == "end of schedule":  # the steps after the last check count too
        candidate = mean_loss(average, data.validation, device)
        if candidate < best_loss:
            best, best_loss, best_progress = copy.deepcopy(average.state_dict()), candidate, 1.0
            best_epoch = step * rows * args.context / data.train_tokens
    net.load_state_dict(best)
    net.eval()
    summary = {"stage": name, "steps": step, "epochs": round(step * rows * args.context / data.train_tokens, 2),
               "best_epoch": round(best_epoch, 2), "best_progress": round(best_progress, 3),
               "validation_nats_per_token": round(best_loss, 4) if math.isfinite(best_loss) else None,
               "dropout": net.dropout, "weight_decay": weight_decay, "learning_rate": learning_rate,
               "seconds": round(time.time() - begun, 1), "ended_by": reason}
    log("%s: done, %s" % (name, json.dumps(summary)))
    return net, best_loss, summary


@torch.no_grad()
def sample(net, data, prompt, count, device, temperature=0.8, top=40, seed=1):
    tokenizer = data.tokenizer
    generator = torch.Generator().manual_seed(seed)
    ids = [tokenizer.bos] + tokenizer.encode(prompt, data.pattern)
    for _ in range(count):
        window = torch.tensor([ids[-net.shape.context:]], device=device)
        with autocast(device):
            logits = net(window)[0, -1].float().cpu() / temperature
        logits[tokenizer.bos] = float("-inf")
        values, indices = logits.topk(min(top, len(logits)))
        ids.append(indices[torch.multinomial(values.softmax(-1), 1, generator=generator)].item())
    return tokenizer.decode(ids)


# ---------------------------------------------------------------------------------------------------------------- GGUF

def quantise_q8_0(matrix):
    """Bytes of a float32 matrix [rows, columns]: blocks of 32 with one f16 scale."""
    blocks = matrix.reshape(-1, Q8_BLOCK).astype(np.float32)
    scale = (np.abs(blocks).max(1, keepdims=True) / 127).astype(np.float16)
    wide = scale.astype(np.float32)
    codes = np.where(wide > 0, blocks / np.where(wide > 0, wide, 1), 0)
    codes = np.clip(np.rint(codes), -127, 127).astype(np.int8)
    return np.concatenate([scale.view(np.uint8), codes.view(np.uint8)], 1).tobytes()


def write_gguf(path, net, tokenizer):
    """GGUF version 3, written beside `path` and renamed."""
    shape = net.shape

    def text(value):
        data = value.encode("utf-8")
        return struct.pack("<Q", len(data)) + data

    def number(value):
        return struct.pack("<II", 4, value)

    def real(value):
        return struct.pack("<If", 6, value)

    def string(value):
        return struct.pack("<I", 8) + text(value)

    def strings(values):
        return struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))

    types = [1] * (len(tokenizer.tokens) - 1) + [3]  # normal; the last one is a control token
    pairs = [
        ("general.architecture", string("llama")), ("general.name", string("Octavo Tiny")),
        ("general.license", string("CC0-1.0")), ("general.file_type", number(7)),
        ("general.quantization_version", number(2)), ("general.alignment", number(ALIGNMENT)),
        ("general.description", string("A few million parameters trained on Moby-Dick and Tiny Shakespeare")),
        ("llama.vocab_size", number(shape.vocab)), ("llama.context_length", number(shape.context)),
        ("llama.embedding_length", number(shape.width)), ("llama.block_count", number(shape.layers)),
        ("llama.feed_forward_length", number(shape.ffn)), ("llama.attention.head_count", number(shape.heads)),
        ("llama.attention.head_count_kv", number(shape.kv_heads)),
        ("llama.attention.key_length", number(shape.head_dim)),
        ("llama.attention.value_length", number(shape.head_dim)),
        ("llama.attention.layer_norm_rms_epsilon", real(shape.epsilon)),
        ("llama.rope.dimension_count", number(shape.head_dim)), ("llama.rope.freq_base", real(shape.rope_base)),
        ("tokenizer.ggml.model", string("gpt2")), ("tokenizer.ggml.pre", string("gpt-2")),
        ("tokenizer.ggml.tokens", strings(tokenizer.tokens)),
        ("tokenizer.ggml.token_type", struct.pack("<IIQ%di" % len(types), 9, 5, len(types), *types)),
        ("tokenizer.ggml.merges", strings([left + " " + right for left, right in tokenizer.merges])),
        ("tokenizer.ggml.bos_token_id", number(tokenizer.bos)), ("tokenizer.ggml.eos_token_id", number(tokenizer.bos)),
        ("tokenizer.ggml.add_bos_token", struct.pack("<IB", 7, 1)),
        ("tokenizer.ggml.add_eos_token", struct.pack("<IB", 7, 0)),
    ]
    infos, blobs, offset = [], [], 0
    for name, weight in net.state_dict().items():
        array = weight.detach().float().cpu().numpy()
        matrix = array.ndim == 2
        blob = quantise_q8_0(array) if matrix else array.tobytes()
        infos.append(text(name) + struct.pack("<I%dQIQ" % array.ndim, array.ndim, *reversed(array.shape),
                                              8 if matrix else 0, offset))
        blob += b"\0" * (-len(blob) % ALIGNMENT)
        blobs.append(blob)
        offset += len(blob)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(pairs))
    head += b"".join(text(key) + value for key, value in pairs) + b"".join(infos)
    head += b"\0" * (-len(head) % ALIGNMENT)
    temporary = path + ".part"
    with open(temporary, "wb") as file:
        file.write(head)
        file.writelines(blobs)
    os.replace(temporary, path)
    return len(head) + offset


def read_gguf_tensors(path):
    """{name: float32 array} of a file that write_gguf wrote: the proof that the file holds the model."""
    with open(path, "rb") as file:
        data = file.read()
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def text():
        nonlocal at
        length = take("Q")
        at += length
        return data[at - length:at].decode("utf-8")

    def skip(kind):
        if kind == 8:
            text()
        elif kind == 9:
            inner, count = take("IQ")
            for _ in range(count):
                skip(inner)
        else:
            take({4: "I", 5: "i", 6: "f", 7: "B"}[kind])

    magic, version, tensors, pairs = take("4sIQQ")
    if magic != b"GGUF" or version != 3:
        raise ValueError("%s is not a GGUF file of version 3" % path)
    for _ in range(pairs):
        text()
        skip(take("I"))
    infos = []
    for _ in range(tensors):
        name, dims = text(), take("I")
        extent = [take("Q") for _ in range(dims)]
        infos.append((name, extent[::-1], *take("IQ")))
    base = at + -at % ALIGNMENT
    result = {}
    for name, extent, kind, offset in infos:
        count = int(np.prod(extent))
        if kind == 0:
            flat = np.frombuffer(data, np.float32, count, base + offset)
        else:
            raw = np.frombuffer(data, np.uint8, count // Q8_BLOCK * Q8_BYTES, base + offset).reshape(-1, Q8_BYTES)
            scale = raw[:, :2].copy().view(np.float16).astype(np.float32)
            flat = raw[:, 2:].copy().view(np.int8).astype(np.float32) * scale
        result[name] = flat.reshape(extent).copy()
    return result


# ---------------------------------------------------------------------------------------------------------------- main

def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("texts", nargs="+", help="text files, UTF-8")
    parser.add_argument("--out", default="octavo-tiny.gguf", help="the model")
    parser.add_argument("--report", default="", help="the figures, as JSON")
    parser.add_argument("--minutes", type=float, default=7.0, help="wall clock for everything")
    parser.add_argument("--seed", type=int, default=1851)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="torch.compile where it works")
    parser.add_argument("--held-out", type=float, default=0.05, help="end of each text: half validation, half test")
    parser.add_argument("--vocab", type=int, default=2048)
    parser.add_argument("--token-dropout", type=float, default=0.1, help="probability of passing over a merge")
    parser.add_argument("--variants", type=int, default=16, help="randomised tokenisations of the texts")
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--kv-heads", type=int, default=2)
    parser.add_argument("--head-dim", type=int, default=64)
    parser.add_argument("--ffn", type=int, default=768)
    parser.add_argument("--teachers", type=int, default=4, help="at most so many; 0: the small model alone")
    parser.add_argument("--teacher-scale", type=float, default=1.5, help="width of a teacher over the model's")
    parser.add_argument("--distill", type=float, default=0.8, help="share of the teachers in the student's loss")
    parser.add_argument("--batch-tokens", type=int, default=16384)
    parser.add_argument("--epochs", type=float, default=80.0, help="at most, of a stage without teachers")
    parser.add_argument("--max-bytes", type=int, default=6000000, help="a larger file is an error")
    return parser.parse_args()


def main():
    args = arguments()
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    device = torch.device(args.device)
    if device.type == "cuda":
        log("%s, PyTorch %s" % (torch.cuda.get_device_name(0), torch.__version__))
    else:
        log("%s, PyTorch %s" % (device, torch.__version__))
    total = args.minutes * 60
    end = STARTED + total - min(40.0, 0.15 * total)  # leaves time for the figures and samples
    names = [os.path.basename(path) for path in args.texts]
    data = Data([read_text(path) for path in args.texts], args, device)
    vocab = len(data.tokenizer.tokens)
    shape = Shape(vocab, args.width, args.layers, args.heads, args.kv_heads, args.head_dim, args.ffn, args.context)
    scale = args.teacher_scale
    big_heads = max(args.kv_heads, int(round(args.heads * scale / args.kv_heads)) * args.kv_heads)
    big = Shape(vocab, int(round(args.width * scale / 32)) * 32, args.layers, big_heads, args.kv_heads, args.head_dim,
                int(round(args.ffn * scale / 32)) * 32, args.context)
    choose_attention(device, shape)
    os.makedirs(os.path.dirname(os.path.abspath(args.out)), exist_ok=True)

    usable, begun = end - time.time(), time.time()
    share = 0.2 if args.teachers else 1.0
    torch.manual_seed(args.seed)
    best, best_loss, summary = train_stage("alone", Model(shape, 0.3).to(device), data, args, device, 2e-3, 0.5,
                                           args.epochs, usable * share)
    stages = [summary]
    size = write_gguf(args.out, best, data.tokenizer)
    log("%s: %d bytes" % (args.out, size))
    if size > args.max_bytes:
        sys.exit("%s has %d bytes, more than %d" % (args.out, size, args.max_bytes))

    def next_epochs(epochs, summary):
        """A schedule that went on past its best weights is shortened for the next model: it cools down there."""
        if summary["best_progress"] >= 0.85:
            return epochs
        return min(max(summary["best_epoch"] * 1.25, args.epochs / 8), args.epochs * 2)

    ensemble, epochs, teachers_end = [best], next_epochs(args.epochs, summary), begun + 0.6 * usable
    recipes = [(0.40, 0.5), (0.45, 0.8), (0.35, 1.0), (0.40, 0.3)]  # dropout, weight decay
    for number in range(args.teachers):
        seconds = (teachers_end - time.time()) / (args.teachers - number)
        if seconds < 0.03 * usable:
            break
        try:
            dropout, weight_decay = recipes[number % len(recipes)]
            torch.manual_seed(args.seed + 1 + number)
            net, loss, summary = train_stage("teacher %d" % (number + 1), Model(big, dropout).to(device), data, args,
                                             device, 1.5e-3, weight_decay, epochs, seconds)
            stages.append(summary)
            if loss < best_loss * 1.03:
                ensemble.append(net)
            epochs = next_epochs(epochs, summary)
        except Exception:
            log("a teacher failed:\n" + traceback.format_exc())
    chosen = "alone"
    if args.teachers:
        try:
            torch.manual_seed(args.seed + 100)
            net, loss, summary = train_stage("student", Model(shape, 0.1).to(device), data, args, device, 2e-3, 0.2,
                                             8 * args.epochs, end - time.time(), ensemble)
            stages.append(summary)
            if loss < best_loss:
                best, best_loss, chosen = net, loss, "student"
                size = write_gguf(args.out, best, data.tokenizer)
        except Exception:
            log("the student failed:\n" + traceback.format_exc())

    report = {"chosen": chosen, "file_bytes": size, "parameters": sum(w.numel() for w in best.parameters()),
              "shape": vars(shape), "train": {"bytes": data.train_bytes, "tokens": data.train_tokens},
              "device": torch.cuda.get_device_name(0) if device.type == "cuda" else str(device),
              "pytorch": torch.__version__, "arguments": vars(args), "stages": stages}
    stored = Model(shape, 0.0).to(device).eval()
    stored.load_state_dict({k: torch.from_numpy(v) for k, v in read_gguf_tensors(args.out).items()})
    report["test_f32_weights"] = figures(best, data.test, names, device)
    report["test"] = figures(stored, data.test, names, device)
    report["validation"] = figures(stored, data.validation, names, device)
    for part in ("validation", "test", "test_f32_weights"):
        for name, row in report[part].items():
            log("%s, %s: %.4f nats/token, %.4f bits/byte (%d tokens, %d bytes)" %
                (part, name, row["nats_per_token"], row["bits_per_byte"], row["tokens"], row["bytes"]))
    report["samples"] = []
    prompts = ["Call me Ishmael.", "The whale", "ROMEO:\n", "KING HENRY:\nMy lord,", ""]
    for number, prompt in enumerate(prompts):
        if time.time() > STARTED + total - 3:
            break
        text = sample(stored, data, prompt, 160 if device.type == "cuda" else 40, device, seed=args.seed + number)
        report["samples"].append({"prompt": prompt, "text": text})
        print("---- %r\n%s" % (prompt, text), flush=True)
    report["seconds"] = round(time.time() - STARTED, 1)
    if args.report:
        with open(args.report + ".part", "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
            file.write("\n")
        os.replace(args.report + ".part", args.report)
    log("%s: %d bytes, stage \"%s\"" % (args.out, size, chosen))


if __name__ == "__main__":
    main()
