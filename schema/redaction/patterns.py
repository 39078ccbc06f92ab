"""What is known to be a secret by its look, whoever has it.

Every repetition is bounded and no two of them can share a text, so that time grows with the text's length alone. Most
may begin only where a word begins: else each letter of a long run would be a beginning.
"""

import re

WORD_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf]))"
"""Also behind an escape of JSON: the arguments of a tool are JSON text inside of JSON."""

KNOWN: tuple[str, ...] = (
    # Anthropic, OpenAI, OpenRouter and others; a name with dashes has no digit among its first letters.
    WORD_BEGINS + r"sk-(?=[A-Za-z_-]{0,48}[0-9])[A-Za-z0-9_-]{16,256}",
    WORD_BEGINS + r"sgamp_[A-Za-z0-9_-]{16,256}",
    WORD_BEGINS + r"gh[opsru]_[A-Za-z0-9]{20,256}",
    WORD_BEGINS + r"github_pat_[A-Za-z0-9_]{20,256}",
    WORD_BEGINS + r"glpat-[A-Za-z0-9_.-]{20,256}",
    WORD_BEGINS + r"npm_[A-Za-z0-9]{30,64}",
    WORD_BEGINS + r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    WORD_BEGINS + r"AIza[A-Za-z0-9_-]{35}",
    WORD_BEGINS + r"xox[abeoprs]-[A-Za-z0-9-]{10,256}",
    # Our own: tokens and tickets.
    WORD_BEGINS + r"sa[tk]_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])",
    # JSON Web Tokens.
    r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrtbf]))eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,2048}",
    r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY-----(?:[^-]|-(?!----)){0,16384}(?:-----END [A-Z0-9 ]{1,64}-----)?",
)

USERINFO = r"://(?P<user>[^\s/@:\"'<>\\]{0,256}):(?P<password>[^\s/@\"'<>\\]{1,256})@"
"""The password of a URL. What is masked is the password alone: where it leads is worth knowing."""

MAY_BE_USERINFO = re.compile(r"://[^\s/@\"'<>\\]{0,513}(?:@|\Z)")
"""Finds every one of them, also one that has only begun at the end of a text, and some more. Not an address without a
user: text is full of them."""

NEEDLES: tuple[bytes, ...] = (
    b"sk-",
    b"sgamp_",
    b"gho_",
    b"ghp_",
    b"ghs_",
    b"ghr_",
    b"ghu_",
    b"github_pat_",
    b"glpat-",
    b"npm_",
    b"AKIA",
    b"ASIA",
    b"AIza",
    b"xox",
    b"sat_",
    b"sak_",
    b"eyJ",
    b" PRIVATE KEY-----",
)
"""One of these stands in every text that has one of the above, however its JSON is written. A URL's password is told by
``://`` and ``@``."""

STARTS = re.compile(
    r"sk-|sgamp_|gh[opsru]_|github_pat_|glpat-|npm_|A(?:KIA|SIA|Iza)|xox[abeoprs]-|sa[tk]_|eyJ|-----BEGIN |://"
)
"""How they begin."""

DASHED = re.compile(r"-(?:(?<=sk-)|(?<=xox[abeoprs]-)|(?<=glpat-)|(?<=-----))")
UNDERSCORED = re.compile(r"_(?:(?<=gh[opsru]_|npm_|sa[tk]_)|(?<=sgamp_)|(?<=github_pat_))")
WITH_I = re.compile(r"I(?:(?<=AKI|ASI)A|(?<=AI)za)")
"""They find all of those that have this letter in them, and some more. They begin with it, so that it is searched for
as one letter is: twenty times as fast."""

BEGINNINGS: tuple[str, ...] = (
    *(
        "sk-",
        "sgamp_",
        "sak_",
        "sat_",
        "gho_",
        "ghp_",
        "ghs_",
        "ghr_",
        "ghu_",
        "github_pat_",
        "glpat-",
        "npm_",
        "AKIA",
        "ASIA",
        "AIza",
    ),
    *("xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "eyJ", "-----BEGIN ", "://"),
)
"""The same, one by one."""
