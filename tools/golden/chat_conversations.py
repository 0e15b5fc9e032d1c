"""Conversations and a few templates for chat_templates.py."""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a <place> & its \"mood\"",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "City, e.g. Zürich", "enum": ["Zürich", "Paris"]},
                "days": {"type": "integer", "default": 3, "minimum": 1},
                "options": {"type": "array", "items": {"type": "string"}},
                "detail": {"type": "object", "properties": {"wind": {"type": "boolean"}, "scale": {"type": "number"}}},
            },
            "required": ["place"],
        },
        "return": {"type": "string", "description": "A sentence"},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "Now", "parameters": {"type": "object", "properties": {}, "required": []}}}


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def system(content):
    return {"role": "system", "content": content}


def call(name, arguments, number="abc123def"):
    return {"id": number, "type": "function", "function": {"name": name, "arguments": arguments}}


TOOL_TURNS = [
    user("How is Zürich?"),
    assistant("", tool_calls=[call("get_weather", {"place": "Zürich", "days": 2, "options": ["a", "b"], "detail": {"wind": True, "scale": 1.5}})]),
    {"role": "tool", "name": "get_weather", "tool_call_id": "abc123def", "content": "{\"sky\": \"blue\"}"},
    assistant("It is blue."),
]

CONVERSATIONS = {
    "plain": {"messages": [user("Hello"), assistant("Hi there!")], "add_generation_prompt": False},
    "prompt": {"messages": [system("Be brief."), user("Hello")], "add_generation_prompt": True},
    "turns": {
        "messages": [system("You are\na helper.  "), user(" One? "), assistant(" 1.\n"), user("Two?"), assistant("2."), user("Three?"), assistant("3.")],
    },
    "unicode": {"messages": [user("Grüße, 世界! 🎉 e\u0301 \u200d \u00a0"), assistant("日本語 <|im_end|> & <b>'\"\\</b>\u2028")], "add_generation_prompt": True},
    "empty": {"messages": [system(""), user(""), assistant(""), user("x")], "add_generation_prompt": True},
    "parts": {
        "messages": [
            user([{"type": "text", "text": "Look"}, {"type": "image"}, {"type": "text", "text": "here"}]),
            assistant([{"type": "text", "text": "A cat."}]),
        ],
    },
    "tools": {"messages": [system("Use tools."), user("How is Zürich?")], "tools": [WEATHER, CLOCK], "add_generation_prompt": True},
    "tool_turns": {"messages": TOOL_TURNS, "tools": [WEATHER]},
    "tool_text": {
        "messages": [
            user("Both?"),
            {"role": "assistant", "content": None, "tool_calls": [call("clock", "{}", "000000001"), call("get_weather", "{\"place\": \"Paris\"}", "000000002")]},
            {"role": "tool", "name": "clock", "tool_call_id": "000000001", "content": "12:00"},
            {"role": "tool", "name": "get_weather", "tool_call_id": "000000002", "content": "rain"},
        ],
        "tools": [WEATHER, CLOCK],
        "add_generation_prompt": True,
    },
    "reasoning": {
        "messages": [user("2+2?"), assistant("4", reasoning_content="Two and two."), user("3+3?"), assistant("<think>\nhm\n</think>\n\n6"), user("9?")],
        "add_generation_prompt": True,
        "variables": {"enable_thinking": True},
    },
    "no_thinking": {
        "messages": [user("2+2?"), assistant("4", thinking="Sum.")],
        "add_generation_prompt": False,
        "variables": {"enable_thinking": False, "thinking": False, "reasoning_effort": "low"},
    },
    "order": {"messages": [assistant("I begin."), assistant("And go on."), user("?"), system("late")], "add_generation_prompt": True},
    "unknown_role": {"messages": [{"role": "narrator", "content": "Once."}, user("x"), {"role": "developer", "content": "y"}]},
    "no_content": {"messages": [user("a"), {"role": "assistant"}, {"content": "b"}], "add_generation_prompt": True},
    "documents": {
        "messages": [user("Which?")],
        "documents": [{"title": "A", "text": "Alpha", "doc_id": 1}, {"title": "B", "text": "Beta"}],
        "add_generation_prompt": True,
    },
    "nothing": {"messages": []},
}

OWN_TEMPLATES = {
    "generation": """{{ bos_token }}{% for message in messages %}
{%- if message.role == 'assistant' %}<|a|>{% generation %}{{ message.content }}<|end|>{% endgeneration %}
{% else %}<|{{ message.role }}|>{{ message['content'] | trim }}
{% endif %}{% endfor %}{% if add_generation_prompt %}<|a|>{% endif %}""",
    "generation_macro": """{% macro say(m) %}<{{ m.role }}>{% generation %}{{ m.content }}{% endgeneration %}{% endmacro %}
{% for m in messages %}{{ say(m) }}{% endfor %}""",
    "generation_scope": """{% set ns = namespace(n=0) %}{% for m in messages %}{% set x = 'o' %}{% generation %}{% set x = 'i' %}{% set ns.n = ns.n + 1 %}{{ x }}{{ loop.index }}{% endgeneration %}{{ x }}{{ ns.n }}{% endfor %}""",
    "strict": """{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate, not ' ~ m.role ~ ' at ' ~ loop.index0) }}{% endif %}{{ m.content + '\\n' }}{% endfor %}""",
    "clock": """{{ strftime_now('%d %B %Y %H:%M:%S %j %a') }} {{ tools | tojson(indent=2) if tools else 'no tools' }} {{ messages | tojson }}""",
}
