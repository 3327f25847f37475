"""Names of templates that are urgent unless somebody says otherwise: gateway and router go by the same."""

from __future__ import annotations

#: A template whose name contains one of these, in any case.
URGENT_WORDS = ("otp", "verification", "2fa")


def urgent_word(template_name: str) -> str:
    """The word that makes a template urgent; empty: it is not."""
    name = template_name.lower()
    return next((word for word in URGENT_WORDS if word in name), "")
