// Node's thread posts, one worker takes.
#include "mailbox.h"

namespace vipd {

void Mailbox::post(ServiceMail&& mail) {
  std::lock_guard lock(mutex_);
  const auto [found, added] = pending_.try_emplace(mail.state->id, std::move(mail));
  if (added) return;  // try_emplace has not moved from `mail` unless it was added
  ServiceMail& last = found->second;
  last.state = std::move(mail.state);
  if (mail.table) last.table = std::move(mail.table);
  last.live = std::move(mail.live);
  last.kill_all = last.kill_all || mail.kill_all;
  for (Listener& listener : mail.opened) last.opened.push_back(std::move(listener));
  last.kill.insert(last.kill.end(), mail.kill.begin(), mail.kill.end());
}

std::vector<ServiceMail> Mailbox::take() {
  std::vector<ServiceMail> taken;
  std::lock_guard lock(mutex_);
  for (auto& [id, mail] : pending_) taken.push_back(std::move(mail));
  pending_.clear();
  return taken;
}

}  // namespace vipd
