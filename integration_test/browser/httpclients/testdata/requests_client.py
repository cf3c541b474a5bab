# Sends requests by Python requests. Each line of standard input is a request, and
# each line of standard output is its response, as JSON.
import json
import sys

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry


def new_session(retries):
    session = requests.Session()
    session.trust_env = False  # no proxy
    session.verify = sys.argv[1]
    if retries:
        adapter = HTTPAdapter(max_retries=Retry(total=2, status_forcelist=[503], raise_on_status=False))
        session.mount("http://", adapter)
        session.mount("https://", adapter)
    return session


sessions = {}
for line in sys.stdin:
    request = json.loads(line)
    number = request["session"]
    if number not in sessions:
        sessions[number] = new_session(request["retries"])
    response = sessions[number].request(
        request["method"], request["url"], data=request.get("body"), headers=request.get("headers"), timeout=60
    )
    print(json.dumps({"status": response.status_code, "body": response.text}), flush=True)
