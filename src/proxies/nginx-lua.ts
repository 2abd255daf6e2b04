// The configuration of nginx with its Lua module: true weights, as the agents of the nodes tell them.
import { agentFlag, heading } from './heading.ts';
import { serverStart, sharedUpstreams } from './nginx.ts';
import { attachPaths, demandAddresses, endpointText, schemeOf } from './plan.ts';
import type { ProxyPlan } from './plan.ts';

export function nginxLuaConfig(plan: ProxyPlan): string {
  demandAddresses(
    'nginx-lua',
    plan.nodes.flatMap((node) => [node, node.agent]),
  );
  const lines = [
    ...heading(plan, {
      use: [
        'nginx with Lua: /etc/nginx/conf.d/midge.conf, inside http { }.',
        'Debian has the module as libnginx-mod-http-lua, OpenResty has it built in.',
      ],
      nodeFlags: agentFlag,
    }),
    '',
    'lua_shared_dict midge_spare 1m;',
    ...weigher(plan),
    ...upstreams,
    ...sharedUpstreams(plan.nodes),
    ...serverStart(plan),
    ...attachPaths.flatMap((path) => attachLocation(plan, path)),
    ...completeLocation(plan),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

/** One worker asks the agents; all read what it learned. */
const learn = `  local spare = ngx.shared.midge_spare

  -- A line such as "up ready 40% maxconn:2", "drain", "down #store".
  local function ask(index, node, pool)
    local socket = ngx.socket.tcp()
    socket:settimeout(400)
    local line
    if socket:connect(node.agent_host, node.agent_port) then
      socket:send(pool .. "\\n")
      line = socket:receive("*l")
      socket:close()
    end
    -- An agent that is gone changes nothing: the requests themselves show whether the node is, too.
    if not line then return end
    local percent = line:match("^up ready (%d+)%%")
    spare:set(pool .. index, tonumber(percent) or 0)
  end

  function midge.poll(premature)
    if premature then return end
    local threads = {}
    for index, node in ipairs(midge.nodes) do
      for _, pool in ipairs({ "api", "pow" }) do
        threads[#threads + 1] = ngx.thread.spawn(ask, index, node, pool)
      end
    end
    for _, thread in ipairs(threads) do ngx.thread.wait(thread) end
  end
`;

/** nginx's own smooth weighted round robin, so that shares are exact also over few requests. */
const choose = `  local turns = { api = {}, pow = {} }

  -- The node whose turn it is, of those that are not in the set; no weight known is as good as any.
  local function pick(pool, tried)
    local best, total, turn = nil, 0, turns[pool]
    for index in ipairs(midge.nodes) do
      local weight = spare:get(pool .. index) or 1
      if spare:get("failed" .. index) then weight = 0 end
      if weight > 0 and not tried[index] then
        total = total + weight
        turn[index] = (turn[index] or 0) + weight
        if not best or turn[index] > turn[best] then best = index end
      end
    end
    if best then turn[best] = turn[best] - total end
    return best
  end

  local function first_untried(tried)
    for index in ipairs(midge.nodes) do
      if not tried[index] then return index end
    end
  end

  function midge.balance(pool)
    local balancer = require "ngx.balancer"
    local tried = ngx.ctx.midge_tried
    if not tried then
      tried = {}
      ngx.ctx.midge_tried = tried
      if #midge.nodes > 1 then balancer.set_more_tries(math.min(2, #midge.nodes - 1)) end
    elseif balancer.get_last_failure() == "failed" and ngx.ctx.midge_last then
      spare:set("failed" .. ngx.ctx.midge_last, true, 1)
    end
    -- Without proof of work anywhere, messages with their nonce still have to go somewhere.
    local index = pick(pool, tried) or pick("api", tried) or first_untried(tried) or 1
    tried[index] = true
    ngx.ctx.midge_last = index
    balancer.set_current_peer(midge.nodes[index].host, midge.nodes[index].port)
  end

  -- A message with its nonce is no work, and the same one however often it is sent.
  function midge.is_complete()
    ngx.req.read_body()
    local body = ngx.req.get_body_data() or ""
    local kind = ngx.var.http_content_type or ""
    if kind:lower():find("^%s*application/json") then
      return body:find('"nonce"%s*:%s*"0*[1-9]') ~= nil
    end
    return #body >= 8 and body:sub(-8):find("[^%z]") ~= nil
  end
}
init_worker_by_lua_block {
  if ngx.worker.id() == 0 then
    ngx.timer.at(0, midge.poll)
    -- Goes on whatever became of the last one.
    ngx.timer.every(midge.interval, midge.poll)
  end
}`;

function weigher({ nodes }: ProxyPlan): string[] {
  const rows = nodes.map(
    ({ host, port, agent }) =>
      `    { host = "${host}", port = ${port}, agent_host = "${bracketed(agent.host)}", agent_port = ${agent.port} },`,
  );
  return [
    'init_by_lua_block {',
    '  midge = { interval = 0.5, nodes = {',
    ...rows,
    '  } }',
    ...learn.split('\n'),
    ...choose.split('\n'),
  ];
}

const upstreams = ['api', 'pow'].flatMap((pool) =>
  `upstream midge_${pool} {
  server 0.0.0.1;
  balancer_by_lua_block { midge.balance("${pool}") }
  keepalive 32;
}`.split('\n'),
);

function attachLocation(plan: ProxyPlan, path: string): string[] {
  return `  location = ${path} {
    set $midge_pool midge_api;
    rewrite_by_lua_block {
      if ngx.req.get_method() ~= "POST" then return end
      if midge.is_complete() then return ngx.exec("@midge_complete") end
      ngx.var.midge_pool = ngx.var.http_idempotency_key and "midge_keyed" or "midge_pow"
    }
    proxy_pass ${schemeOf(plan)}://$midge_pool;
    proxy_read_timeout 11m;
  }`.split('\n');
}

function completeLocation(plan: ProxyPlan): string[] {
  return `  location @midge_complete {
    proxy_pass ${schemeOf(plan)}://midge_api;
    proxy_next_upstream error timeout http_503 non_idempotent;
  }`.split('\n');
}

function bracketed(host: string): string {
  return endpointText({ host, port: 0 }).replace(/:0$/, '');
}
