{
  "target_defaults": {
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-fno-exceptions"],
    "cflags_cc": ["-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fvisibility=hidden", "-pthread"],
    "configurations": { "Release": { "cflags": ["-O2", "-g1"], "cflags!": ["-O3"] } }
  },
  "targets": [
    {
      "target_name": "vipd_core",
      "type": "static_library",
      "cflags_cc": ["-fno-exceptions", "-fno-rtti", "-fPIC"],
      "sources": [
        "src/accept.cc", "src/address.cc", "src/advert_sender.cc", "src/arp_socket.cc", "src/client_hello.cc",
        "src/connect.cc", "src/datagram.cc", "src/dataplane.cc", "src/ending.cc", "src/handover.cc", "src/handshake.cc", "src/idle.cc",
        "src/limits.cc", "src/listener.cc", "src/listening.cc", "src/loop_thread.cc", "src/mailbox.cc", "src/networks.cc", "src/passing.cc",
        "src/pick.cc", "src/prober.cc", "src/proxy_header.cc", "src/publish.cc", "src/pump.cc", "src/queue.cc",
        "src/record.cc", "src/session.cc", "src/sockets.cc", "src/source.cc", "src/successor.cc", "src/telling.cc", "src/traffic.cc",
        "src/unix_listener.cc", "src/vrrp_socket.cc", "src/waiting.cc", "src/worker.cc"
      ]
    },
    {
      "target_name": "vipd_native",
      "dependencies": ["vipd_core"],
      "cflags_cc": ["-fexceptions"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_DEPRECATED", "NAPI_CPP_EXCEPTIONS"],
      "ldflags": ["-Wl,--as-needed", "-pthread"],
      "sources": [
        "src/addon.cc", "src/addon_counters.cc", "src/addon_dataplane.cc", "src/addon_handover.cc", "src/addon_prober.cc", "src/addon_sender.cc",
        "src/addon_sessions.cc", "src/addon_sockets.cc", "src/addon_table.cc", "src/addon_vrrp.cc"
      ]
    }
  ]
}
