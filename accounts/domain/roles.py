"""What people are to the house, and what each role may do."""

from __future__ import annotations

from clearing.domain.errors import Refusal

# role -> Django permissions it carries; the admin asks for exactly these
ROLES: dict[str, tuple[str, ...]] = {
    "risk-officer": (
        "accounts.view_house",
        "accounts.act_on_risk",
    ),
    "operator": (
        "accounts.view_house",
        "accounts.run_house",
    ),
    "auditor": ("accounts.view_house",),
    "member-user": (),
}


class RoleUnknown(Refusal):
    code = "role-unknown"
    says = "There is no such role."


def check(role: str) -> str:
    if role not in ROLES:
        raise RoleUnknown(field="role", got=role, roles=", ".join(ROLES))
    return role
