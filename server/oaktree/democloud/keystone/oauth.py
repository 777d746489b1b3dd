"""OAuth 2.0: a token for an application credential that calls itself a client."""

import base64
import binascii
from urllib.parse import parse_qs

from ..core import ApiError, Call, Reply, no_route
from .service import SERVICE
from .tokens import issue_for

FAILED = "Client authentication failed."
FORM = "application/x-www-form-urlencoded"


@SERVICE.route("POST", "/OS-OAUTH2/token", open=True, raw=True)
async def create_token(call: Call) -> Reply:
    if not call.cloud.profile.oauth2:
        raise no_route()
    form = await _form(call)
    grant = form.get("grant_type")
    if grant is None:
        raise ApiError(400, "The parameter grant_type is required.", "invalid_request")
    if grant != "client_credentials":
        message = f"The parameter grant_type {grant} is not supported."
        raise ApiError(400, message, "unsupported_grant_type")
    client, secret = _basic(call) or (form.get("client_id"), form.get("client_secret"))
    if not client or not secret:
        raise _refused(call, FAILED)
    credential = call.cloud.application_credentials.get(client)
    if credential is None:
        # Not what OAuth says of an unknown client, but what Keystone answers.
        message = "An unknown error occurred and failed to get an OAuth2.0 access token."
        raise ApiError(404, message, "other_error")
    try:
        token = issue_for(call, credential, secret)
    except ApiError as error:
        raise _refused(call, error.message) from None
    # Never less, even where the credential ends before: Keystone tells its setting.
    life = int(call.cloud.settings.token_seconds)
    return Reply({"access_token": token.id, "expires_in": life, "token_type": "Bearer"})


def _refused(call: Call, message: str) -> ApiError:
    where = f'Keystone uri="{call.base}/v3"'
    return ApiError(401, message, "invalid_client", {"www-authenticate": where})


async def _form(call: Call) -> dict[str, str]:
    if call.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return {}
    raw = b"".join([part async for part in call.stream()])
    return {name: values[0] for name, values in parse_qs(raw.decode(errors="replace")).items()}


def _basic(call: Call) -> tuple[str, str] | None:
    """Id and secret as they are: unlike RFC 6749, Keystone takes them with nothing quoted."""
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client, colon, secret = base64.b64decode(value).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (client, secret) if colon else None


@SERVICE.route("GET", "/OS-OAUTH2/token", open=True)
@SERVICE.route("PUT", "/OS-OAUTH2/token", open=True)
@SERVICE.route("PATCH", "/OS-OAUTH2/token", open=True)
@SERVICE.route("DELETE", "/OS-OAUTH2/token", open=True)
def no_method(call: Call) -> Reply:
    raise ApiError(405, "The method is not allowed for the requested URL.", "other_error")
