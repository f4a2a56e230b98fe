"""The paper's template on four families of tokenizers: exact ids, prefixes in tokens, one end token, left padding."""

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from modeling_meit.chat_template import (
    PAPER_CHAT_TEMPLATE,
    ensure_chat_template,
    ensure_padding,
    paper_conversation,
    report_of,
)

ASSETS = __file__.rsplit("/", 2)[0] + "/assets"
SPECIAL = ["<s>", "</s>", "<pad>"]
WORDS = [
    "<|user|>: Please report this ECG. <|assistant|>: Sinus rhythm. Normal ECG. Unauffälliges EKG, Lagetyp normal.",
    "<|user|>: What is it? <|assistant|>: (possible) atrial fibrillation, 64 per minute; - left axis deviation?",
]
# LLaMA-3's and Qwen's split, in which punctuation takes a line break that follows it.
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
REPORTS = [
    "Sinus rhythm.",
    "sinus rhythm. normal ecg.",
    "(possible) infarct",
    "- left axis",
    "64 per minute",
    ": strange",
    ">: stranger",
    "\nline first",
    "  spaces around  ",
    "Überleitung verzögert",
    "ends with a colon:",
    "two\nlines\n",
    "'t was normal",
    "|",
]
PROMPT = [{"role": "user", "content": "What is it?"}]
# fmt: off
TINY_TOKENS = [
    "<|", "user", "|>:", "ĠWh", "at", "Ġ", "is", "Ġ", "i", "t", "?", "Ġ<|", "assistant", "|>:",
    "ĠSinus", "Ġr", "hythm", ".", "</s>",
]
TINY_IDS = [259, 277, 261, 318, 287, 223, 262, 223, 75, 86, 33, 272, 281, 261, 299, 271, 298, 16, 1]
# fmt: on


def train(family):
    if family == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=90, special_tokens=[*SPECIAL, "<unk>"], unk_token="<unk>", show_progress=False
        )
    elif family == "llama2":
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        # Trained with the split, used without it, as the converted LLaMA vocabularies are.
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
        trainer = trainers.BpeTrainer(vocab_size=160, special_tokens=[*SPECIAL, "<unk>"], show_progress=False)
    else:
        tokenizer = Tokenizer(models.BPE())
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=family == "gpt2")
        split = pre_tokenizers.Split(Regex(LLAMA3_SPLIT), behavior="isolated")
        tokenizer.pre_tokenizer = byte_level if family == "gpt2" else pre_tokenizers.Sequence([split, byte_level])
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=340, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
        )
    tokenizer.train_from_iterator(WORDS, trainer)
    if family == "llama2":
        tokenizer.pre_tokenizer = None
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    if family in ("llama2", "llama3"):
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
        )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token=None
    )
    return ensure_padding(ensure_chat_template(wrapped))


@pytest.fixture(scope="module", params=["gpt2", "llama3", "llama2", "unigram"])
def tokenizer(request):
    return train(request.param)


@pytest.fixture
def tiny():
    return ensure_padding(ensure_chat_template(AutoTokenizer.from_pretrained(f"{ASSETS}/tiny_tokenizer")))


def trl_split(tokenizer, prompt, completion):
    """Prompt ids and conversation ids, by the functions of TRL that SFTTrainer prepares its data with."""
    data_utils = pytest.importorskip("trl.data_utils", reason="trl comes with the extra [train]")
    prompt_ids = data_utils._tokenize(tokenizer, prompt, add_generation_prompt=True)["input_ids"]
    whole = data_utils._tokenize(tokenizer, prompt + completion, return_assistant_tokens_mask=True)
    return prompt_ids, whole["input_ids"], whole["assistant_masks"], data_utils.common_prefix_length


@pytest.mark.parametrize("report", REPORTS)
def test_the_prompt_is_a_prefix_in_tokens_and_the_report_ends_once(tokenizer, report):
    completion = [{"role": "assistant", "content": report}]
    prompt_ids, whole, assistant, common_prefix_length = trl_split(tokenizer, PROMPT, completion)
    assert common_prefix_length(prompt_ids, whole) == len(prompt_ids)
    answer = whole[len(prompt_ids) :]
    assert answer.count(tokenizer.eos_token_id) == 1
    assert answer[-1] == tokenizer.eos_token_id
    assert tokenizer.eos_token_id not in prompt_ids
    # "▁" alone may stand between the tag and an answer that begins with punctuation: the mask starts at the answer.
    assert sum(assistant[: len(prompt_ids)]) == 0
    assert len(answer) - 1 <= sum(assistant) <= len(answer)
    # A byte-level vocabulary knows every text; the other two were trained on a few letters.
    if tokenizer.convert_tokens_to_ids("<unk>") is None:
        assert report_of(tokenizer.decode(answer), SPECIAL) == " ".join(report.split())


def test_trl_renders_the_same_text(tokenizer):
    data_utils = pytest.importorskip("trl.data_utils", reason="trl comes with the extra [train]")
    row = {"prompt": PROMPT, "completion": [{"role": "assistant", "content": "Sinus rhythm."}]}
    text = data_utils.apply_chat_template(row, tokenizer)
    bos = "<s>" if tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id else ""
    assert text == {"prompt": f"{bos}<|user|>: What is it? <|assistant|>:", "completion": " Sinus rhythm.</s>"}


def test_bos_stands_where_the_tokenizer_itself_puts_it():
    for family, begins in (("gpt2", False), ("llama3", True), ("llama2", True), ("unigram", False)):
        tokenizer = train(family)
        ids = tokenizer.apply_chat_template(PROMPT, add_generation_prompt=True, return_dict=True)["input_ids"]
        assert ids.count(tokenizer.bos_token_id) == int(begins)
        assert (ids[0] == tokenizer.bos_token_id) == begins


def test_exact_ids_of_the_tiny_tokenizer(tiny):
    ids = tiny.apply_chat_template(
        [*PROMPT, {"role": "assistant", "content": "Sinus rhythm."}], tokenize=True, return_dict=True
    )["input_ids"]
    assert tiny.convert_ids_to_tokens(ids) == TINY_TOKENS
    assert ids == TINY_IDS


def test_turns_and_systems(tiny):
    talk = [
        {"role": "system", "content": "You read ECGs."},
        {"role": "user", "content": " What is it? "},
        {"role": "assistant", "content": "Sinus rhythm."},
        {"role": "user", "content": "And the axis?"},
    ]
    rendered = tiny.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
    assert rendered == (
        "<|system|>: You read ECGs. <|user|>: What is it? <|assistant|>: Sinus rhythm.</s> "
        "<|user|>: And the axis? <|assistant|>:"
    )
    prompt_ids, whole, assistant, prefix = trl_split(tiny, talk, [{"role": "assistant", "content": "Normal."}])
    assert prefix(prompt_ids, whole) == len(prompt_ids)
    # Each answer of the conversation is learnt when training on all assistant turns.
    learnt = tiny.decode([token for token, on in zip(whole, assistant, strict=True) if on])
    assert learnt.replace(" ", "") == "Sinusrhythm.</s>Normal.</s>"


def test_an_unfinished_answer_is_continued(tiny):
    talk = [*PROMPT, {"role": "assistant", "content": "Sinus"}]
    rendered = tiny.apply_chat_template(talk, tokenize=False, continue_final_message=True)
    assert rendered == "<|user|>: What is it? <|assistant|>: Sinus"


def test_a_conversation_without_a_tokenizer_is_written_alike(tiny):
    turns = [{"role": "user", "content": " What is it? "}, {"role": "assistant", "content": "Sinus rhythm."}]
    written = paper_conversation(" What is it? ", "Sinus rhythm.") + "</s>"
    assert written == tiny.apply_chat_template(turns, tokenize=False)


def test_an_unknown_role_is_named(tiny):
    with pytest.raises(Exception, match="role doctor is not known; expected system, user or assistant"):
        tiny.apply_chat_template([{"role": "doctor", "content": "x"}], tokenize=False)


def test_a_template_of_its_own_is_kept(tiny):
    tiny.chat_template = "{{ messages[0]['content'] }}"
    assert ensure_chat_template(tiny).chat_template == "{{ messages[0]['content'] }}"


def test_no_end_token_is_refused():
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    with pytest.raises(ValueError, match="no eos_token"):
        ensure_chat_template(PreTrainedTokenizerFast(tokenizer_object=tokenizer))


def test_left_padding_and_template_survive_saving(tmp_path):
    data = Tokenizer(models.WordLevel({"a": 0, "</s>": 1}, unk_token="a"))
    data.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=data, eos_token="</s>")
    assert tokenizer.padding_side == "right"
    ensure_padding(ensure_chat_template(tokenizer)).save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert (again.padding_side, again.pad_token) == ("left", "</s>")
    assert again.chat_template == PAPER_CHAT_TEMPLATE
    assert again(["a a", "a"], padding=True)["input_ids"] == [[0, 0], [1, 0]]


@pytest.mark.parametrize(
    ("text", "report"),
    [
        (" Sinus  rhythm.\n</s><pad><pad>", "Sinus rhythm."),
        ("<s><|user|>: Report? <|assistant|>: Sinus rhythm.</s>", "Sinus rhythm."),
        ("<|assistant|>: Sinus rhythm.", "Sinus rhythm."),
        (" Sinus rhythm. <|user|>: And now? <|assistant|>: More.", "Sinus rhythm."),
        ("<|user|>: a <|assistant|>: b</s> <|user|>: c <|assistant|>: d</s>", "d"),
        ("<|user|>: only a question", ""),
        ("", ""),
    ],
)
def test_the_report_in_an_output(text, report):
    assert report_of(text, SPECIAL) == report
