"""Patterns of texts that are secrets by their form, such as keys of known vendors.

Every repetition is bounded, and no two of them can match the same text, so the time grows only with the text's length.
Most patterns match only at the beginning of a word: otherwise each letter of a long run could be a beginning.
"""

import re

WORD_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf]))"
"""Also after an escape of JSON: the arguments of a tool are JSON text inside JSON."""

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
"""The password of a URL. Only the password is masked: the address is useful to readers."""

MAY_BE_USERINFO = re.compile(r"://[^\s/@\"'<>\\]{0,513}(?:@|\Z)")
"""Finds all of these, also one that only begins at the end of a text, and some other texts. It does not find URLs
without a user, which are frequent."""

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
"""Every text that matches a pattern above contains one of these, however its JSON is written. A URL's password is
recognised by ``://`` and ``@``."""

STARTS = re.compile(
    r"sk-|sgamp_|gh[opsru]_|github_pat_|glpat-|npm_|A(?:KIA|SIA|Iza)|xox[abeoprs]-|sa[tk]_|eyJ|-----BEGIN |://"
)
"""The beginnings of these texts."""

DASHED = re.compile(r"-(?:(?<=sk-)|(?<=xox[abeoprs]-)|(?<=glpat-)|(?<=-----))")
UNDERSCORED = re.compile(r"_(?:(?<=gh[opsru]_|npm_|sa[tk]_)|(?<=sgamp_)|(?<=github_pat_))")
WITH_I = re.compile(r"I(?:(?<=AKI|ASI)A|(?<=AI)za)")
"""By a letter: a pattern that finds all of these texts that contain it, and some other texts. The pattern begins with
the letter, so the search is that for one letter, which is twenty times as fast."""

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
"""The same patterns, one by one."""
